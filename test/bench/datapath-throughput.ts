// One TCP connection by iperf3 from the internet to a guest, through the router and through one made by hand, in turn.
import type { RouterEntry } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { guestAddress, portForward, publicAddress } from '../lab/router-document.ts';
import { configureGuest, startInGuest } from './guest.ts';
import { startPlainRouter } from './plain-router.ts';
import { type Row, rowOf, withGoal } from './result.ts';
import { entryId, startLoadedRouter } from './router-under-test.ts';

const port = 5201;
const seconds = 1;

/** Gbit/s that the receiver got. `reverse`: from the guest to the internet. */
async function gigabits(from: Host, address: string, reverse: boolean): Promise<number> {
  const args = ['--client', address, '--port', String(port), '--time', String(seconds), '--json'];
  const { stdout } = await from.commands.run('iperf3', reverse ? [...args, '--reverse'] : args);
  const { end } = JSON.parse(stdout) as { end: { sum_received: { bits_per_second: number } } };
  return end.sum_received.bits_per_second / 1e9;
}

/** The rows "TCP throughput". */
export async function throughput(options: { rounds: number; say: (words: string) => void }): Promise<Row[]> {
  options.say('TCP throughput, against a router made by hand');
  const open: RouterEntry<'firewall.ingress'> = {
    publicAddress,
    protocol: 'tcp',
    ports: { first: port, last: port },
    sources: [],
  };
  const router = await startLoadedRouter(10, {
    'nat.portForwards': { [entryId(port)]: portForward(port, port) },
    'firewall.ingress': { [entryId(port)]: open },
    'dhcp.hosts': {},
  });
  try {
    const { lab } = router;
    await configureGuest(router);
    const plain = await startPlainRouter(lab, port);
    const serverArgs = (address: string) => ['--server', '--bind', address, '--port', String(port), '--forceflush'];
    await startInGuest(router, 'iperf3', serverArgs(guestAddress), 'listening');
    await startInGuest(
      { ...router, wires: { ...router.wires, guest: plain.guest } },
      'iperf3',
      serverArgs(plain.guestAddress),
      'listening',
    );
    const rows: Row[] = [];
    for (const reverse of [false, true]) {
      const [values, peers]: [number[], number[]] = [[], []];
      for (let round = 0; round < options.rounds; round += 1) {
        values.push(await gigabits(lab.internet, publicAddress, reverse));
        peers.push(await gigabits(lab.internet, plain.publicAddress, reverse));
      }
      const what = reverse ? 'TCP throughput, guest to internet' : 'TCP throughput';
      const row = rowOf({ what, unit: 'Gbit/s' }, values, peers);
      const { ratio = Number.NaN } = row;
      rows.push(withGoal(row, 'at least 0.95 of the router made by hand', ratio, ratio >= 0.95));
    }
    return rows;
  } finally {
    await router.close();
  }
}
