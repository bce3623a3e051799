// The page, the real console proxy, and TigerVNC's server behind a password: one person, then two.
import { randomInt, randomUUID } from 'node:crypto';
import { ConsoleProxy, type TicketRequest } from '@isthmus/console-proxy';
import type { ConsoleAnswer, ConsoleMode, ConsoleOpening } from '@isthmus/contract';
import { createHost, createLog } from '@isthmus/host';
import { parseIpv4Address } from '@isthmus/net';
import test, { type ExecutionContext } from 'ava';
import { waitFor } from '../lab/clients.ts';
import { type ConsoleStage, startStage } from './console-fixture.ts';
import { pictureOf, press, waitForCard, waitForConsole, waitForState } from './console-view.ts';
import { newSecret } from './scripted-proxy.ts';
import { startTiger, type TigerServer } from './vnc-servers.ts';

const password = 'secret12';
const { commands } = createHost();
let stage: ConsoleStage;
let tiger: TigerServer;

test.before(async () => {
  [stage, tiger] = await Promise.all([startStage(), startTiger('640x480', password)]);
});

test.after.always(async () => {
  await Promise.allSettled([stage.close(), tiger.stop()]);
});

/** Runs an X program at the server. */
const onDisplay = (file: string, args: readonly string[], input = '') =>
  commands.run(file, args, { input, env: { DISPLAY: tiger.display } });

/** The real proxy; `redeem` and `choose` answer in the place of orchestrators. */
async function startProxy(
  t: ExecutionContext,
  redeem: (request: TicketRequest) => ConsoleAnswer,
  choose: (session: string, mode: ConsoleMode) => ConsoleAnswer,
) {
  const lines: string[] = [];
  const host = createHost({ log: createLog({ level: 'debug', destination: { write: (line) => lines.push(line) } }) });
  const proxy = new ConsoleProxy({
    host,
    directory: { redeem: async (request) => redeem(request), choose: async (session, mode) => choose(session, mode) },
    openDoor: async () => {
      throw new Error('there is no door');
    },
    ended: () => {},
  });
  const publicAddress = parseIpv4Address(`127.${randomInt(1, 255)}.${randomInt(255)}.${randomInt(1, 255)}`);
  const limits = {
    sessions: 10,
    pending: 10,
    pendingPerAddress: 10,
    handshakeSeconds: 20,
    idleSeconds: 0,
    absoluteSeconds: 0,
    pingSeconds: 20,
  };
  await proxy.use({
    publicAddress,
    prefixLength: 8,
    gateway: parseIpv4Address('127.0.0.1'),
    port: 8080,
    tls: null,
    origins: [stage.server.origin],
    limits,
    draining: false,
  });
  const known = { id: randomUUID(), socket: `ws://${publicAddress}:8080/websockify` };
  stage.server.proxies = [known];
  t.teardown(async () => {
    stage.server.proxies = [];
    await proxy.close();
  });
  return { proxy, known, log: () => lines.join('') };
}

function openingOf(session: string, mode: ConsoleMode, viewers: ConsoleOpening['viewers']): ConsoleOpening {
  return {
    state: 'open',
    session,
    machine: 'web-1',
    console: 'vnc',
    mode,
    viewers,
    resume: newSecret(),
    target: { kind: 'tcp', address: '127.0.0.1', port: tiger.port },
    security: { types: ['VncAuth'], password },
  };
}

const never = (): never => {
  throw new Error('nobody chooses here');
};

test.serial('a screen behind a password is shown, and the page never hears the password', async (t) => {
  const ticket = newSecret();
  const asked: TicketRequest[] = [];
  const { log } = await startProxy(
    t,
    (request) => {
      asked.push(request);
      return openingOf(randomUUID(), 'control', []);
    },
    never,
  );
  const { page } = await stage.open(t, { ticket });
  const frames: string[] = [];
  page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => frames.push(payload.toString())));
  await waitForConsole(page);
  await onDisplay('xsetroot', ['-solid', '#336699']);
  const isBlue = async () => {
    const { width, height, points } = await pictureOf(page);
    t.is(width * height, 640 * 480);
    const middle = 3 * (width * (height / 2) + width / 2);
    return points[middle] === 0x33 && points[middle + 1] === 0x66 && points[middle + 2] === 0x99;
  };
  t.true(await waitFor('the screen turns blue', isBlue));
  t.is(asked[0]?.origin, stage.server.origin);
  t.is(asked[0]?.ticket, ticket);
  t.false(frames.some((frame) => frame.includes(password)));
  t.false(log().includes(ticket));
});

test.serial('both clipboards are exchanged, and the guest takes the size of the window', async (t) => {
  await startProxy(t, () => openingOf(randomUUID(), 'control', []), never);
  const { page } = await stage.open(t);
  await waitForConsole(page);
  await press(page, 'Clipboard');
  await page.getByRole('textbox', { name: 'For the guest' }).fill('für den Gast: 漢字');
  await press(page, 'Give to the guest');
  const theirs = async () => {
    const { stdout } = await onDisplay('xclip', ['-selection', 'clipboard', '-o', '-t', 'UTF8_STRING']).catch(() => ({
      stdout: '',
    }));
    return stdout === 'für den Gast: 漢字';
  };
  t.true(await waitFor('the guest has the text', theirs));
  await onDisplay('xclip', ['-selection', 'clipboard', '-i', '-loops', '1'], 'aus dem Gast: é');
  const ours = () => page.getByRole('textbox', { name: 'Copied in the guest' }).inputValue();
  t.is(await waitFor('the page has the text', async () => (await ours()) || null), 'aus dem Gast: é');
  await page.getByRole('dialog', { name: 'Clipboard' }).getByRole('button', { name: 'Close' }).click();
  await press(page, 'Display');
  await page.getByRole('radio', { name: /Match this window/ }).check();
  const size = await waitFor('the screen takes the size', async () => {
    const { width, height } = await pictureOf(page);
    return width === 640 ? null : { width, height };
  });
  t.deepEqual(size, { width: 1260, height: 732 });
});

test.serial('two people share a console: the second chooses, control passes, and both pages say so', async (t) => {
  const sessions: { id: string; user: string; mode: ConsoleMode }[] = [];
  const others = (id: string) => sessions.filter((one) => one.id !== id).map(({ user, mode }) => ({ user, mode }));
  const { proxy } = await startProxy(
    t,
    () => {
      const id = randomUUID();
      if (sessions.length > 0) return { state: 'choose', session: id, viewers: others(id) };
      sessions.push({ id, user: 'anna', mode: 'control' });
      return openingOf(id, 'control', []);
    },
    (id, mode) => {
      if (!sessions.some((one) => one.id === id)) sessions.push({ id, user: 'bob', mode });
      for (const one of sessions)
        if (one.id === id) one.mode = mode;
        else if (mode === 'control') one.mode = 'watch';
      for (const one of sessions) if (one.id !== id) proxy.viewers(one.id, one.mode, others(one.id));
      return openingOf(id, mode, others(id));
    },
  );
  const first = await stage.open(t);
  await waitForState(first.page, 'Connected');
  const second = await stage.open(t);
  await waitForCard(second.page, 'anna is using this console');
  await press(second.page, 'Watch');
  await waitForState(second.page, 'Watching: anna in control');
  await waitForConsole(second.page);
  await waitForState(first.page, 'In control: bob watching');
  await press(second.page, 'Take control');
  await waitForState(second.page, 'In control: anna watching');
  await waitForState(first.page, 'Watching: bob in control');
  await first.page.getByText('bob has taken control. You go on watching.').waitFor();
  await press(first.page, 'Take it back');
  await waitForState(first.page, 'In control: bob watching');
  await waitForState(second.page, 'Watching: anna in control');
  const [anna] = sessions;
  proxy.end(anna?.id ?? '', 'logout', '');
  t.regex(await waitForCard(first.page, 'You were logged out'), /Log in/);
});
