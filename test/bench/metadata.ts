// User data for 1,000 guests from one process, and one more guest. The floor is a bare server of node:http on a socket of
// another router's namespace, without rules, which answers every request alike; it takes the same client's requests.
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { MetadataGuest } from '@isthmus/contract';
import { parseHostname, parseIpv4Address } from '@isthmus/net';
import { settings } from '../lab/router-document.ts';
import type { Wires } from '../lab/wired-router.ts';
import { guestAddressOf, userDataOf } from './metadata-guests.ts';
import { type Benchmark, type Row, rowOf, timed, withGoal } from './result.ts';
import { entryId, first, type RouterUnderTest, startRouter } from './router-under-test.ts';

const client = fileURLToPath(new URL('./metadata-client.ts', import.meta.url));
const router = '10.1.1.1';
const guests = 1000;
const atOnce = 50;
/** The guests' namespace itself, as the router's neighbour; and the router, which stays a neighbour of theirs. */
const via = '10.1.100.1';

function guest(number: number): MetadataGuest {
  const address = guestAddressOf(number);
  return {
    address: parseIpv4Address(address),
    localHostname: parseHostname(`guest-${number}`),
    instanceId: `vm-${number}`,
    vmId: `vm-${number}`,
    serviceOffering: 'Small Instance',
    availabilityZone: 'zone-1',
    cloudIdentifier: 'CloudStack-{1}',
    publicKeys: [],
    userData: Buffer.from(userDataOf(address)).toString('base64'),
  };
}

const section = { ...settings.metadata, enabled: true, addresses: [parseIpv4Address(router)] };

/**
 * Every guest's address in one namespace. The router has one neighbour for all of them: the kernel's table of neighbours
 * is one for all namespaces of a machine, and holds 1,024 (net.ipv4.neigh.default.gc_thresh3).
 */
async function addGuests({ guest: host, router: routerHost }: Wires): Promise<void> {
  const addresses = Array.from({ length: guests }, (_, number) => `address add ${guestAddressOf(number)}/16 dev eth0`);
  await host.commands.run('ip', ['-batch', '-'], {
    input: `${addresses.join('\n')}\naddress add ${via}/16 dev eth0\nlink set dev eth0 up\n`,
  });
  await routerHost.commands.run('ip', ['route', 'add', '10.1.0.0/21', 'via', via, 'dev', 'eth0']);
}

/** Requests per second of one run. Throws where one was not answered, or by another guest's data. */
async function perSecond({ guest: host }: Wires, seconds: number, kind: 'own' | 'any'): Promise<number> {
  const words = [client, guests, seconds, atOnce, router, kind].map(String);
  const { stdout } = await host.commands.run(process.execPath, words, { timeoutMs: (seconds + 60) * 1000 });
  const result = JSON.parse(stdout) as { answered: number; failed: number; perSecond: number };
  if (result.failed > 0) throw new Error(`${result.failed} of ${result.answered + result.failed} requests failed`);
  return result.perSecond;
}

/** A bare server in a namespace of its own; answers with what ends it. */
async function startFloor(floor: RouterUnderTest): Promise<() => void> {
  const { router: host } = floor.wires;
  await host.commands.run('ip', ['-batch', '-'], {
    input: `address add ${router}/16 dev eth0\nlink set dev eth0 up\n`,
  });
  const [handle] = await host.sockets.listen([{ address: router, port: 80 }]);
  const body = userDataOf(guestAddressOf(0));
  const server = createServer((_request, response) => response.end(body)).listen(handle);
  return () => {
    server.close();
    server.closeAllConnections();
  };
}

async function oneMoreGuest(served: RouterUnderTest, n: number, rounds: number): Promise<number[]> {
  const { agent, writer } = served;
  const values: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const more = writer.add({ 'metadata.guests': { [entryId(n)]: guest(n) } });
    values.push(await timed(() => agent.push(more)));
    await agent.push(writer.remove('metadata.guests', entryId(n)));
  }
  return values;
}

/** Serves 10 guests, then 1,000, and adds one more to each. */
async function additions(served: RouterUnderTest, rounds: number): Promise<Row> {
  const { agent, writer } = served;
  await agent.push(writer.full({ 'metadata.guests': first(10, guest) }));
  await agent.push(writer.add({}, { metadata: section }));
  const few = await oneMoreGuest(served, 10, rounds);
  await agent.push(writer.add({ 'metadata.guests': first(guests, guest) }));
  const row = rowOf({ what: 'one more guest', n: guests, unit: 'ms' }, await oneMoreGuest(served, guests, rounds), few);
  return withGoal(row, 'at most 3 times that at 10 guests', row.ratio ?? 0, (row.ratio ?? 0) <= 3);
}

export const metadata: Benchmark = {
  about: 'user data for 1,000 guests from one process, and one more guest',
  needs: [],
  run: async ({ quick, say }) => {
    const [rounds, seconds] = quick ? [3, 3] : [7, 10];
    const served = await startRouter();
    const floor = await startRouter();
    let endFloor = () => {};
    try {
      const added = await additions(served, quick ? 11 : 51);
      say('guests added one by one');
      endFloor = await startFloor(floor);
      for (const { wires } of [served, floor]) await addGuests(wires);
      const [values, floors]: [number[], number[]] = [[], []];
      for (let round = 1; round <= rounds; round += 1) {
        values.push(await perSecond(served.wires, seconds, 'own'));
        floors.push(await perSecond(floor.wires, seconds, 'any'));
        say(`requests, round ${round} of ${rounds}`);
      }
      const row = rowOf({ what: 'requests per second', n: guests, unit: '1/s' }, values, floors);
      return [withGoal(row, 'at least 2000', row.median, row.median >= 2000), added];
    } finally {
      endFloor();
      await floor.close();
      await served.close();
    }
  },
};
