// Consoles over HTTP: what a call tells of itself, and the way back of a page.
import type { AddressInfo } from 'node:net';
import { macFromNumber } from '@isthmus/net';
import test from 'ava';
import type { ConsoleRequestOfUser, ConsoleResumption } from '../model/console-orchestration.ts';
import { noteConsoleOrigin } from '../store/console-origin.ts';
import { cookiesOf, get, post } from './http-fixture.ts';
import { idleOrchestration, startTestApi, type TestApi } from './testing.ts';

const origin = 'https://console.example.org';
const resume = 'r'.repeat(43);

let api: TestApi;
let machineId: string;
const asked: ConsoleRequestOfUser[] = [];
const resumed: ConsoleResumption[] = [];

test.before(async () => {
  const orchestration = idleOrchestration({
    createConsoleEndpoint: async (request) => {
      asked.push(request);
      const socket = { host: '203.0.113.5', port: 8443, path: 'websockify' };
      return { endpoint: { session: 'one', ticket: 't'.repeat(43), url: `${origin}/console/zone#ticket=t`, socket } };
    },
    resumeConsole: async (resumption) => {
      resumed.push(resumption);
      return resumption.request.resume === resume
        ? { state: 'again', seconds: 1 }
        : { state: 'refused', message: 'This session is over.' };
    },
  });
  api = await startTestApi({ orchestration });
  await noteConsoleOrigin(api.db, 'node', origin);
  machineId = await addMachine();
});
test.after.always(() => api?.close());

/** A system VM: a machine that needs no more rows than a zone and a pod. */
async function addMachine(): Promise<string> {
  const zone = await api.admin.call('createZone', {
    name: 'zone1',
    dns1: '192.0.2.53',
    internaldns1: '192.0.2.53',
    networktype: 'Advanced',
  });
  const zoneId = (zone.zone as { id: string }).id;
  const podRange = { gateway: '192.0.2.1', netmask: '255.255.255.0', startip: '192.0.2.10', endip: '192.0.2.20' };
  const pod = await api.admin.call('createPod', { name: 'pod1', zoneid: zoneId, ...podRange });
  const offering = await api.db
    .insertInto('service_offering')
    .values({ name: 'o', display_text: 'o', cpu_number: 1, cpu_speed: 500, memory: 128, system_vm_type: null })
    .returning('id')
    .executeTakeFirstOrThrow();
  const { id } = await api.db
    .insertInto('system_vm')
    .values({
      name: 'v-1-VM',
      type: 'consoleproxy',
      zone_id: zoneId,
      pod_id: (pod.pod as { id: string }).id,
      service_offering_id: offering.id,
      public_mac_address: macFromNumber(1),
      state: 'Running',
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
}

test.serial('a signed call: the endpoint as the field has it, and no web session', async (t) => {
  const answer = await api.admin.call('createConsoleEndpoint', { virtualmachineid: machineId, token: 'mine' });
  t.deepEqual(answer, {
    consoleendpoint: {
      success: true,
      url: `${origin}/console/zone#ticket=t`,
      websocket: { token: 't'.repeat(43), host: '203.0.113.5', port: '8443', path: 'websockify', extra: 'mine' },
    },
  });
  t.like(asked.at(-1), {
    target: { kind: 'system-vm', id: machineId },
    apiSessionId: null,
    clientAddress: '127.0.0.1',
    extra: 'mine',
  });
});

test.serial('a call of a web session is known by it', async (t) => {
  const { username, password } = api.adminCredentials;
  const session = await post(api.endpoint, { command: 'login', response: 'json', username, password, domain: '/' });
  const sessionkey = String(session.content.sessionkey);
  const query = new URLSearchParams({
    command: 'createConsoleEndpoint',
    virtualmachineid: machineId,
    response: 'json',
    sessionkey,
  });
  const answer = await get(api.endpoint, query.toString(), { cookie: cookiesOf(session) });
  t.like(answer.content.consoleendpoint, { success: true });
  const row = await api.db.selectFrom('session').select('id').executeTakeFirstOrThrow();
  t.is(asked.at(-1)?.apiSessionId, row.id);
});

function comeBack(body: string, headers: Record<string, string> = {}) {
  const { port } = api.server.server.address() as AddressInfo;
  return fetch(`http://127.0.0.1:${port}/console/resume`, {
    method: 'POST',
    body,
    headers: { origin, 'content-type': 'application/json', ...headers },
  });
}

test.serial('a page of ours comes back with its token', async (t) => {
  const answer = await comeBack(JSON.stringify({ resume, proxy: 'lost' }));
  t.is(answer.status, 200);
  t.is(answer.headers.get('cache-control'), 'no-store');
  t.is(answer.headers.get('access-control-allow-origin'), null);
  t.deepEqual(await answer.json(), { state: 'again', seconds: 1 });
  t.deepEqual(resumed.at(-1), { request: { resume, proxy: 'lost' }, origin, clientAddress: '127.0.0.1' });
});

test.serial('pages of other origins, other bodies and guesses do not', async (t) => {
  const before = resumed.length;
  const body = JSON.stringify({ resume });
  for (const other of [
    'https://evil.example.org',
    'null',
    `${origin}.evil.example.org`,
    'http://console.example.org',
  ]) {
    t.is((await comeBack(body, { origin: other })).status, 403, other);
  }
  const { port } = api.server.server.address() as AddressInfo;
  const without = { method: 'POST', body, headers: { 'content-type': 'application/json' } };
  t.is((await fetch(`http://127.0.0.1:${port}/console/resume`, without)).status, 403);
  t.is((await comeBack(body, { 'content-type': 'text/plain' })).status, 400);
  t.is((await comeBack(`resume=${resume}`, { 'content-type': 'application/x-www-form-urlencoded' })).status, 400);
  for (const bad of ['', 'null', '[]', '{"resume":1}', '{"resume":"x"}', `{"resume":"${resume}","more":1}`, '{']) {
    t.is((await comeBack(bad)).status, 400, bad);
  }
  t.is((await comeBack(JSON.stringify({ resume, proxy: 'x'.repeat(2000) }))).status, 413);
  t.is(resumed.length, before);

  const guess = () => comeBack(JSON.stringify({ resume: 'g'.repeat(43) }));
  for (let count = 0; count < 20; count += 1) t.is((await guess()).status, 200);
  const late = await guess();
  t.is(late.status, 429);
  // A page with a session behind the same address asks on.
  t.like(await late.json(), { state: 'again' });
  t.regex(late.headers.get('retry-after') ?? '', /^\d+$/);
});
