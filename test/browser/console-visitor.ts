// A person with a browser outside of a cloud: reaches the orchestrator's page, and proxies at their public addresses.
import type { ApiClient, ApiObject, ApiValues } from '@isthmus/api-client';
import type { ExecutionContext } from 'ava';
import type { Browser, Page } from 'playwright-core';
import { waitFor } from '../lab/clients.ts';
import { type Cloud, objectIn, text } from '../lab/cloud.ts';
import { type Door, openDoor } from '../lab/door.ts';
import { newPage, startBrowser } from './browser.ts';
import { type Picture, terminalText, waitForConsole, waitForState } from './console-view.ts';

/** Who calls the API, such as a tenant. */
interface Calling {
  readonly client: ApiClient;
}

export class ConsoleVisitor {
  readonly #browser: Browser;
  readonly #outside: Door;

  private constructor(browser: Browser, outside: Door) {
    this.#browser = browser;
    this.#outside = outside;
  }

  static async arrive({ lab }: Cloud): Promise<ConsoleVisitor> {
    const outside = await openDoor({
      machine: lab.machine,
      socket: `${lab.run}/outside.sock`,
      target: null,
      start: (file, args) => lab.startDaemon(lab.internet, file, args),
    });
    return new ConsoleVisitor(await startBrowser(outside.address), outside);
  }

  async leave(): Promise<void> {
    await this.#browser.close();
    this.#outside.close();
  }

  /** The points of a picture of any format that a browser knows. */
  async decode(file: Buffer): Promise<Picture> {
    const page = await this.#browser.newPage();
    const script = `(async () => {
      const bytes = Uint8Array.from(atob('${file.toString('base64')}'), (character) => character.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes]));
      const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
      context.drawImage(bitmap, 0, 0);
      const { width, height, data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
      let points = '';
      for (let at = 0; at < data.length; at += 4) points += String.fromCharCode(data[at], data[at + 1], data[at + 2]);
      return { width, height, points: btoa(points) };
    })()`;
    try {
      const { width, height, points } = await page.evaluate<{ width: number; height: number; points: string }>(script);
      return { width, height, points: new Uint8Array(Buffer.from(points, 'base64')) };
    } finally {
      await page.close();
    }
  }

  /** The endpoint of a machine's console, as soon as a proxy can carry it. */
  async endpoint({ client }: Calling, machine: string, values: ApiValues = {}): Promise<ApiObject> {
    return waitFor(
      'an endpoint',
      async () => {
        const answer = await client.run('createConsoleEndpoint', { virtualmachineid: machine, ...values });
        const endpoint = objectIn(answer, 'consoleendpoint');
        return endpoint.success === true ? endpoint : null;
      },
      240_000,
    );
  }

  /** Follows a link with a profile of its own. The test fails where the browser complains. */
  async follow(t: ExecutionContext, url: string): Promise<Page> {
    const { page, complaints, close } = await newPage(this.#browser);
    t.teardown(async () => {
      await close();
      // A proxy that is killed is a connection that fails.
      const others = complaints.filter((words) => !/WebSocket connection to .* failed/.test(words));
      if (others.length > 0) throw new Error(`the browser complains:\n${others.join('\n')}`);
    });
    await page.goto(url);
    return page;
  }

  /** Opens the page of a machine's console, whatever it comes to. */
  async open(t: ExecutionContext, of: Calling, machine: string, values: ApiValues = {}): Promise<Page> {
    return this.follow(t, text(await this.endpoint(of, machine, values), 'url'));
  }

  /** Opens a console and waits until it is there, under control. */
  async look(t: ExecutionContext, of: Calling, machine: string, values: ApiValues = {}): Promise<Page> {
    const page = await this.open(t, of, machine, values);
    await waitForConsole(page);
    await waitForState(page, 'Connected');
    return page;
  }
}

/** Types a sum into the shell of a serial console, and waits for what it comes to. */
export async function computes(page: Page, term: number): Promise<void> {
  const sum = `is-${term * 3}`;
  await page.locator('.xterm').click();
  await page.keyboard.type(`echo is-$((${term}*3))\n`);
  await waitFor(`the shell says ${sum}`, async () => (await terminalText(page)).includes(sum), 60_000);
}
