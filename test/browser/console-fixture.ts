// A browser, the page's server and a scripted proxy for a test file, and what it makes of them.
import type { ExecutionContext } from 'ava';
import type { Browser } from 'playwright-core';
import { type Device, newPage, startBrowser, type TestPage } from './browser.ts';
import { type PageServer, startPageServer } from './page-server.ts';
import { newSecret, type ScriptedProxy, startScriptedProxy } from './scripted-proxy.ts';

export interface ConsoleStage {
  readonly browser: Browser;
  readonly server: PageServer;
  /** A proxy for a test, which goes with it. `known`: the page may reach it from the start. */
  proxy(t: ExecutionContext, act: ScriptedProxy['act'], known?: boolean): Promise<ScriptedProxy>;
  /** Opens the page with a ticket, on a device. The test fails where the browser complains of anything. */
  open(t: ExecutionContext, options?: OpenOptions): Promise<TestPage>;
  close(): Promise<void>;
}

interface OpenOptions {
  readonly device?: Device;
  readonly fields?: Readonly<Record<string, string>>;
  readonly ticket?: string;
  /** Complaints that belong to the test, such as those of noVNC about garbage. */
  readonly expected?: RegExp;
}

/** Starts the browser and the server. Tests of a file that use them run one after the other. */
export async function startStage(): Promise<ConsoleStage> {
  const [browser, server] = await Promise.all([startBrowser(), startPageServer()]);
  return {
    browser,
    server,
    proxy: async (t, act, known = true) => {
      const proxy = await startScriptedProxy(act);
      if (known) server.proxies = [...server.proxies, proxy];
      t.teardown(async () => {
        server.proxies = server.proxies.filter(({ id }) => id !== proxy.id);
        await proxy.close();
      });
      return proxy;
    },
    open: async (t, { device = 'desktop', fields = {}, ticket = newSecret(), expected } = {}) => {
      const opened = await newPage(browser, device);
      t.teardown(async () => {
        await opened.close();
        const complaints = opened.complaints.filter((words) => expected === undefined || !expected.test(words));
        if (complaints.length > 0) throw new Error(`the browser complains:\n${complaints.join('\n')}`);
      });
      await opened.page.goto(server.url(ticket, fields));
      return opened;
    },
    close: async () => {
      await Promise.all([browser.close(), server.close()]);
    },
  };
}
