// From the link to the end of a session: what the page says of it, and how it comes back by itself.
import test from 'ava';
import { waitFor } from '../lab/clients.ts';
import { type ConsoleStage, startStage } from './console-fixture.ts';
import { press, waitForCard, waitForConsole, waitForState } from './console-view.ts';
import { newSecret, type PageConnection, startMute } from './scripted-proxy.ts';
import { startTiger, type TigerServer } from './vnc-servers.ts';

let stage: ConsoleStage;
let tiger: TigerServer;

test.before(async () => {
  [stage, tiger] = await Promise.all([startStage(), startTiger('640x480')]);
});

test.after.always(async () => {
  await Promise.allSettled([stage.close(), tiger.stop()]);
});

const anna = { user: 'anna', mode: 'control' } as const;
const bob = { user: 'bob', mode: 'watch' } as const;

function show(page: PageConnection, opened: Parameters<PageConnection['open']>[0] = {}): void {
  page.open(opened);
  page.carry({ path: tiger.path });
}

/** Complaints of the browser about a connection that a test breaks. */
const brokenConnection = /WebSocket connection to .* failed|net::ERR_/;

test.serial('the ticket goes in the first frame, and stands in no address afterwards', async (t) => {
  const ticket = newSecret();
  const proxy = await stage.proxy(t, (page, message) => message.type === 'open' && show(page));
  const { page } = await stage.open(t, { ticket });
  await waitForConsole(page);
  t.deepEqual(proxy.pages[0]?.messages, [{ type: 'open', ticket }]);
  t.is(proxy.pages[0]?.origin, stage.server.origin);
  t.false(page.url().includes(ticket));
  t.is(await page.evaluate('history.length'), 2);
});

for (const [what, ticket] of [
  ['without a ticket', ''],
  ['with half a ticket', 'abc'],
  ['with markup for a ticket', '<img src=x onerror=alert(1)>'],
] as const) {
  test.serial(`a link ${what} opens nothing, and the page says why`, async (t) => {
    const proxy = await stage.proxy(t, () => undefined);
    const { page } = await stage.open(t, { ticket });
    t.regex(await waitForCard(page, 'This link is not whole'), /A link works once/);
    t.is(proxy.pages.length, 0);
  });
}

test.serial('an address in the link is not believed: only the proxies of the zone are reached', async (t) => {
  const stranger = await stage.proxy(t, () => undefined, false);
  const proxy = await stage.proxy(t, (page, message) => message.type === 'open' && show(page));
  const { page } = await stage.open(t, {
    fields: { proxy: stranger.id, socket: stranger.socket, path: '//evil.example/' },
  });
  await waitForConsole(page);
  t.is(proxy.pages.length, 1);
  t.is(stranger.pages.length, 0);
});

for (const [reason, title] of [
  ['ticket', 'This link does not work any more'],
  ['idle', 'The console was closed because it was not used'],
  ['logout', 'You were logged out'],
  ['destroyed', 'The machine is gone'],
  ['limit', 'Too many consoles are open'],
] as const) {
  test.serial(`a session that ends because of ${reason} says so`, async (t) => {
    const message = `Words of the proxy for ${reason}.`;
    await stage.proxy(t, (page) => page.say({ type: 'ended', reason, message, resumable: false }));
    const { page } = await stage.open(t);
    t.true((await waitForCard(page, title)).includes(message));
    await waitForState(page, 'Not connected');
  });
}

test.serial('who finds another there chooses; control passes, and both are told', async (t) => {
  const proxy = await stage.proxy(t, (page, message) => {
    if (message.type === 'open') page.say({ type: 'choose', viewers: [anna] });
    else if (page.messages.length === 2) show(page, { mode: message.mode, viewers: [anna] });
    else page.say({ type: 'viewers', mode: message.mode, viewers: [{ ...anna, mode: 'watch' }] });
  });
  const { page } = await stage.open(t);
  t.regex(await waitForCard(page, 'anna is using this console'), /anna is told/);
  await press(page, 'Watch');
  await waitForState(page, 'Watching: anna in control');
  await press(page, 'Take control');
  await waitForState(page, 'In control: anna watching');
  t.deepEqual(proxy.pages[0]?.messages.slice(1), [
    { type: 'choose', mode: 'watch' },
    { type: 'choose', mode: 'control' },
  ]);
  proxy.pages[0]?.say({ type: 'viewers', mode: 'watch', viewers: [anna, bob] });
  await waitForState(page, 'Watching: anna in control');
  await page.getByText('anna has taken control. You go on watching.').waitFor();
  await press(page, '3 people');
  const people = page.getByRole('dialog', { name: 'People' }).getByRole('listitem');
  t.deepEqual(await people.allTextContents(), ['Youwatching', 'annain control', 'bobwatching']);
});

test.serial('where the installation demands a further token, the page asks for it', async (t) => {
  const proxy = await stage.proxy(t, (page, message) => message.type === 'open' && show(page));
  stage.server.extra = true;
  t.teardown(() => {
    stage.server.extra = false;
  });
  const { page } = await stage.open(t);
  await waitForCard(page, 'One more token');
  await page.keyboard.type('a token of the client');
  await page.keyboard.press('Enter');
  await waitForConsole(page);
  const [message] = proxy.pages[0]?.messages ?? [];
  t.is(message?.type === 'open' ? message.extra : undefined, 'a token of the client');
});

test.serial('a proxy that dies is left for another within five seconds, with mode and settings', async (t) => {
  const resume = newSecret();
  const first = await stage.proxy(t, (page, message) => message.type === 'open' && show(page, { resume }));
  const second = await stage.proxy(t, (page, message) => message.type === 'open' && show(page));
  const ticket = newSecret();
  const asked: unknown[] = [];
  stage.server.resume = (request) => {
    asked.push(request);
    return asked.length < 3
      ? { state: 'again', seconds: 0.2 }
      : { state: 'open', ticket, proxy: second.id, socket: second.socket };
  };
  const { page } = await stage.open(t, { fields: { proxy: first.id }, expected: brokenConnection });
  await waitForConsole(page);
  const before = performance.now();
  first.pages[0]?.kill();
  await waitForCard(page, 'Reconnecting');
  await waitForState(page, 'Connected');
  await waitForConsole(page);
  t.true(performance.now() - before < 5000);
  t.deepEqual(asked[0], { resume, proxy: first.id });
  t.deepEqual(second.pages[0]?.messages, [{ type: 'open', ticket }]);
});

test.serial('a proxy whose machine is gone says no farewell, and is left as well', async (t) => {
  const first = await stage.proxy(t, (page, message) => message.type === 'open' && show(page, { aliveSeconds: 1 }));
  const second = await stage.proxy(t, (page, message) => message.type === 'open' && show(page));
  stage.server.resume = () => ({ state: 'open', ticket: newSecret(), proxy: second.id, socket: second.socket });
  const { page } = await stage.open(t, { fields: { proxy: first.id } });
  await waitForConsole(page);
  // It goes on taking what the page sends, and answers nothing: neither a picture nor a sign of life.
  await waitFor('the page comes to the other proxy', async () => second.pages.length > 0);
  await waitForState(page, 'Connected');
  t.is(second.pages.length, 1);
});

test.serial('a proxy that is gone before the page comes to it: the page asks again with the same token', async (t) => {
  const resume = newSecret();
  const first = await stage.proxy(t, (page, message) => message.type === 'open' && show(page, { resume }));
  const gone = await stage.proxy(t, () => undefined);
  const second = await stage.proxy(t, (page, message) => message.type === 'open' && show(page));
  await gone.close();
  const asked: unknown[] = [];
  stage.server.resume = (request) => {
    asked.push(request);
    const { id: proxy, socket } = asked.length < 3 ? gone : second;
    return { state: 'open', ticket: newSecret(), proxy, socket };
  };
  const { page } = await stage.open(t, { fields: { proxy: first.id }, expected: brokenConnection });
  await waitForConsole(page);
  first.pages[0]?.kill();
  await waitFor('the page comes to the other proxy', async () => second.pages.length === 1);
  await waitForState(page, 'Connected');
  t.deepEqual(asked, [
    { resume, proxy: first.id },
    { resume, proxy: gone.id },
    { resume, proxy: gone.id },
  ]);
});

test.serial('a proxy that is younger than the page is reached by loading the page again', async (t) => {
  const first = await stage.proxy(t, (page, message) => message.type === 'open' && show(page));
  const second = await stage.proxy(
    t,
    (page, message) => {
      if (message.type === 'open') page.say({ type: 'choose', viewers: [bob] });
      else show(page, { mode: message.mode, viewers: [bob] });
    },
    false,
  );
  const ticket = newSecret();
  stage.server.resume = () => ({ state: 'open', ticket, proxy: second.id, socket: second.socket });
  const { page } = await stage.open(t, { expected: brokenConnection });
  await waitForConsole(page);
  stage.server.proxies = [second];
  first.pages[0]?.kill();
  await waitForState(page, 'In control: bob watching');
  t.deepEqual(second.pages[0]?.messages, [
    { type: 'open', ticket },
    { type: 'choose', mode: 'control' },
  ]);
  t.is(new URL(page.url()).hash, '');
});

test.serial('who comes back takes nothing from who took control meanwhile', async (t) => {
  let comes = 0;
  const proxy = await stage.proxy(t, (page, message) => {
    if (message.type === 'choose') return show(page, { mode: message.mode, viewers: [anna] });
    comes += 1;
    return comes === 1 ? show(page) : page.say({ type: 'choose', viewers: [anna] });
  });
  stage.server.resume = () => ({ state: 'open', ticket: newSecret(), proxy: proxy.id, socket: proxy.socket });
  const { page } = await stage.open(t, { expected: brokenConnection });
  await waitForConsole(page);
  proxy.pages[0]?.kill();
  await waitForState(page, 'Watching: anna in control');
  t.deepEqual(proxy.pages[1]?.messages.at(-1), { type: 'choose', mode: 'watch' });
});

test.serial('a session that may not come back says why, and an orchestrator that is away is waited for', async (t) => {
  const proxy = await stage.proxy(t, (page, message) => message.type === 'open' && show(page));
  let asked = 0;
  stage.server.resume = () => {
    asked += 1;
    return asked < 3 ? null : { state: 'refused', message: 'Your session has ended.' };
  };
  const { page } = await stage.open(t, { expected: brokenConnection });
  await waitForConsole(page);
  proxy.pages[0]?.say({ type: 'ended', reason: 'moved', message: '', resumable: true });
  t.regex(await waitForCard(page, 'The session is over'), /Your session has ended\./);
  t.is(asked, 3);
});

test.serial('a proxy that cannot be reached is left for another, with the same ticket', async (t) => {
  const dead = await stage.proxy(t, () => undefined);
  const second = await stage.proxy(t, (page, message) => message.type === 'open' && show(page));
  await dead.close();
  const ticket = newSecret();
  const { page } = await stage.open(t, { ticket, fields: { proxy: dead.id }, expected: brokenConnection });
  await waitForConsole(page);
  t.deepEqual(second.pages[0]?.messages, [{ type: 'open', ticket }]);
});

test.serial('a proxy that answers nothing is left for another, with the same ticket', async (t) => {
  const mute = await startMute();
  t.teardown(() => {
    stage.server.proxies = stage.server.proxies.filter(({ id }) => id !== mute.id);
    return mute.close();
  });
  const second = await stage.proxy(t, (page, message) => message.type === 'open' && show(page));
  stage.server.proxies = [mute, second];
  const ticket = newSecret();
  const { page } = await stage.open(t, { ticket, fields: { proxy: mute.id }, expected: brokenConnection });
  await waitForConsole(page);
  t.deepEqual(second.pages[0]?.messages, [{ type: 'open', ticket }]);
});

test.serial('a zone without a proxy is told', async (t) => {
  const { page } = await stage.open(t);
  t.regex(await waitForCard(page, 'This zone has no console proxy just now'), /One may be starting/);
});
