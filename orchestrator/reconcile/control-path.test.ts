// Who is believed on the control path, seen by the orchestrator's clients: real TLS on loopback.
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { RequestListener, ServerResponse } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import { ApplianceClient } from '../drivers/appliance-client.ts';
import { ApplianceUnreachableError, HostUnreachableError } from '../drivers/errors.ts';
import { HostClient } from '../drivers/host-client.ts';
import { type Authority, createAuthority } from '../pki/authority.ts';
import {
  applianceId,
  type Held,
  held,
  hostId,
  identityOf,
  type Listening,
  listenTls,
  listenTunnels,
  otherApplianceId,
} from './control-path-fixture.ts';

const orchestrator = { role: 'orchestrator', id: 'ab12-node' } as const;
const host = { role: 'host', id: hostId } as const;
const appliance = { role: 'appliance', id: applianceId } as const;
const day = 86_400_000;

let authority: Authority;
let own: Held;
test.before(async () => {
  authority = await createAuthority('ab12');
  own = await held(authority, orchestrator);
});

const status = { serving: null, services: [] };
const answering: RequestListener = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(status));
};

interface Reached {
  readonly client: ApplianceClient;
  readonly appliance: Listening;
  readonly tunnels: Listening;
}

/** An appliance that shows `shown`, behind a tunnel, and a client for it. */
async function reach(
  t: ExecutionContext,
  shown: Held,
  {
    listener = answering,
    identity = identityOf(own, [authority]),
    port,
  }: {
    listener?: RequestListener;
    identity?: ReturnType<typeof identityOf>;
    port?: () => number;
  } = {},
): Promise<Reached> {
  const server = await listenTls(shown, authority, listener);
  const path = `/tmp/isthmus-tunnel-${randomUUID()}.sock`;
  const tunnels = await listenTunnels(path, port ?? (() => server.port));
  const carrier = new HostClient(`unix:${path}`);
  const client = new ApplianceClient({ id: applianceId, identity, openTunnel: () => carrier.openTunnel(applianceId) });
  t.teardown(async () => {
    client.close();
    carrier.close();
    await Promise.all([server.close(), tunnels.close()]);
    await rm(path, { force: true });
  });
  return { client, appliance: server, tunnels };
}

test('an appliance is spoken to through its tunnel, and the connection is kept', async (t) => {
  const { client, appliance: server } = await reach(t, await held(authority, appliance));
  t.deepEqual(await client.status(), status);
  t.deepEqual(await client.status(), status);
  t.is(server.connections(), 1);
  client.renewConnections();
  t.deepEqual(await client.status(), status);
  t.is(server.connections(), 2);
});

test('the serial number that an appliance showed is known', async (t) => {
  const shown = await held(authority, appliance);
  const { client } = await reach(t, shown);
  t.is(client.shownSerialNumber(), null);
  await client.status();
  t.is(client.shownSerialNumber(), shown.serialNumber);
});

const strangers: readonly (readonly [what: string, make: () => Promise<Held>, message: RegExp])[] = [
  [
    'of another appliance',
    () => held(authority, { role: 'appliance', id: otherApplianceId }),
    /it shows the certificate of urn:isthmus:ab12:appliance:3333/,
  ],
  ['of a host', () => held(authority, host), /it shows the certificate of urn:isthmus:ab12:host/],
  [
    'of an orchestrator',
    () => held(authority, orchestrator),
    /it shows the certificate of urn:isthmus:ab12:orchestrator/,
  ],
  [
    'of another installation',
    () => held(authority, { ...appliance, installation: 'cd34' }),
    /it shows the certificate of urn:isthmus:cd34/,
  ],
  ['that has expired', () => held(authority, appliance, new Date(Date.now() - day)), /CERT_HAS_EXPIRED/],
  ['that is not good yet', () => held(authority, appliance, new Date(Date.now() + day)), /CERT_NOT_YET_VALID/],
  [
    'of another CA',
    async () => held(await createAuthority('ab12'), appliance),
    /UNABLE_TO_VERIFY_LEAF_SIGNATURE|unable to verify/i,
  ],
];

for (const [what, make, message] of strangers) {
  test(`an appliance that shows a certificate ${what} is not spoken to`, async (t) => {
    let calls = 0;
    const listener: RequestListener = (request, response) => {
      calls += 1;
      answering(request, response);
    };
    const { client } = await reach(t, await make(), { listener });
    await t.throwsAsync(client.status(), { instanceOf: ApplianceUnreachableError, message });
    t.is(calls, 0);
  });
}

test('a revoked certificate is refused, also on a connection that is open', async (t) => {
  const shown = await held(authority, appliance);
  const revoked = new Set<string>();
  const { client } = await reach(t, shown, { identity: identityOf(own, [authority], revoked) });
  await client.status();
  revoked.add(shown.serialNumber);
  await t.throwsAsync(client.status(), {
    instanceOf: ApplianceUnreachableError,
    message: /it shows the revoked certificate/,
  });
});

test('a connection of an old certificate of this orchestrator is not used again', async (t) => {
  const later = await held(authority, orchestrator);
  let mine = own;
  const identity = identityOf(own, [authority]);
  const changing = { ...identity, current: () => identityOf(mine, [authority]).current() };
  const { client, appliance: server } = await reach(t, await held(authority, appliance), { identity: changing });
  await client.status();
  mine = later;
  await client.status();
  await client.status();
  t.is(server.connections(), 2);
});

test('a kept connection that its peer has closed is made anew', async (t) => {
  let calls = 0;
  const listener: RequestListener = (request, response) => {
    calls += 1;
    if (calls === 2) request.socket.destroy();
    else answering(request, response);
  };
  const { client } = await reach(t, await held(authority, appliance), { listener });
  await client.status();
  t.deepEqual(await client.status(), status);
  t.is(calls, 3);
});

test('an old and a new CA are both believed while one replaces the other', async (t) => {
  const next = await createAuthority('ab12');
  const shown = await held(next, appliance);
  // The appliance has the certificate of the new CA already, and believes the orchestrator's of the old one.
  const { client } = await reach(t, shown, { identity: identityOf(own, [authority, next]) });
  t.deepEqual(await client.status(), status);
});

test('an answer that fits no schema is refused', async (t) => {
  for (const body of ['{"serving":1}', 'no JSON', '[]']) {
    const listener: RequestListener = (_request, response) => response.writeHead(200).end(body);
    const { client } = await reach(t, await held(authority, appliance), { listener });
    await t.throwsAsync(client.status(), { name: 'HostRefusedError', message: /does not fit its schema/ });
  }
});

test('an answer without end is read no further than its bound', async (t) => {
  const chunk = Buffer.alloc(1024 * 1024, 32);
  const pour = (response: ServerResponse): void => {
    while (!response.destroyed && response.write(chunk));
    response.once('drain', () => pour(response));
  };
  const { client } = await reach(t, await held(authority, appliance), {
    listener: (_request, response) => pour(response),
  });
  await t.throwsAsync(client.status(), { instanceOf: ApplianceUnreachableError, message: /more than 33554432 bytes/ });
});

test('an appliance that dies in the middle of a call is noticed within seconds', async (t) => {
  let port = 0;
  const { client, appliance: server } = await reach(t, await held(authority, appliance), {
    listener: () => {
      // From now on nobody is there, and nobody says so.
      port = 0;
    },
    port: () => port,
  });
  port = server.port;
  const began = performance.now();
  const push = {
    fencingToken: 1,
    base: null,
    target: { epoch: 'e', generation: 1, hash: '0' },
    settings: {},
    entries: {},
  };
  await t.throwsAsync(client.push(push), {
    instanceOf: ApplianceUnreachableError,
    message: /takes no connection any more/,
  });
  t.true(performance.now() - began < 8_000);
});

test('one that is only slow is waited for', async (t) => {
  const { client } = await reach(t, await held(authority, appliance), {
    listener: (request, response) => {
      setTimeout(() => answering(request, response), 5_000);
    },
  });
  t.deepEqual(await client.status(), status);
});

test('a tunnel that the host agent refuses is the appliance’s silence, not the host’s', async (t) => {
  const { client } = await reach(t, await held(authority, appliance), { port: () => 0 });
  await t.throwsAsync(client.status(), {
    instanceOf: ApplianceUnreachableError,
    message: /does not answer: its agent does not answer/,
  });
});

test('a host agent that is not there is the host’s silence', async (t) => {
  const carrier = new HostClient(`unix:/tmp/isthmus-nobody-${randomUUID()}.sock`);
  t.teardown(() => carrier.close());
  const identity = identityOf(own, [authority]);
  const client = new ApplianceClient({ id: applianceId, identity, openTunnel: () => carrier.openTunnel(applianceId) });
  await t.throwsAsync(client.status(), { instanceOf: HostUnreachableError });
});

test('for a renewal an expired certificate is believed, and nothing else that is wrong with it', async (t) => {
  const revoked = new Set<string>();
  const identity = { ...identityOf(own, [authority], revoked), acceptsExpired: true };
  const yesterday = new Date(Date.now() - day);
  const shown = await held(authority, appliance, yesterday);
  const { client } = await reach(t, shown, { identity });
  t.deepEqual(await client.status(), status);
  t.is(client.shownSerialNumber(), shown.serialNumber);
  const wrongs: readonly (readonly [Held, RegExp])[] = [
    [await held(await createAuthority('ab12'), appliance, yesterday), /no CA of this installation/],
    [await held(authority, { role: 'appliance', id: otherApplianceId }, yesterday), /it shows the certificate of/],
    [await held(authority, appliance, new Date(Date.now() + day)), /no CA of this installation/],
  ];
  for (const [wrong, message] of wrongs) {
    const { client: strange } = await reach(t, wrong, { identity });
    await t.throwsAsync(strange.status(), { instanceOf: ApplianceUnreachableError, message });
  }
  revoked.add(shown.serialNumber);
  await t.throwsAsync(client.status(), { message: /it shows the revoked certificate/ });
});

async function reachHost(t: ExecutionContext, shown: Held): Promise<HostClient> {
  const server = await listenTls(shown, authority, (_request, response) => response.writeHead(200).end('[]'));
  const client = new HostClient(`https://127.0.0.1:${server.port}`, { hostId, identity: identityOf(own, [authority]) });
  t.teardown(async () => {
    client.close();
    await server.close();
  });
  return client;
}

test('a host is believed by its own certificate alone', async (t) => {
  const client = await reachHost(t, await held(authority, host));
  t.deepEqual(await client.appliances(), []);
  const strange = await reachHost(t, await held(authority, appliance));
  await t.throwsAsync(strange.appliances(), {
    instanceOf: HostUnreachableError,
    message: /expected that of urn:isthmus:ab12:host/,
  });
  const expired = await reachHost(t, await held(authority, host, new Date(Date.now() - day)));
  await t.throwsAsync(expired.appliances(), { instanceOf: HostUnreachableError, message: /CERT_HAS_EXPIRED/ });
});

test('an https host without a name that it must have is not spoken to', (t) => {
  t.throws(() => new HostClient('https://127.0.0.1:8250'), { message: /a host that has joined/ });
  for (const url of [
    'http://127.0.0.1:8250',
    'https://127.0.0.1',
    'https://user@127.0.0.1:8250',
    'https://127.0.0.1:8250/x',
    'unix:relative',
  ]) {
    t.throws(() => new HostClient(url, { hostId, identity: identityOf(own, [authority]) }), {
      message: /is not a host agent's URL/,
    });
  }
});
