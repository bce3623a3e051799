import { createHost, silentLog } from '@isthmus/host';
import test from 'ava';
import { widenNeighbourTables } from './neighbour-table.ts';

const host = createHost({ log: silentLog });

test('the machine has room for the neighbours of many networks', async (t) => {
  await widenNeighbourTables(host);
  const { stdout } = await host.commands.run('sysctl', ['-n', 'net.ipv4.neigh.default.gc_thresh3']);
  t.true(Number(stdout) >= 65_536);
  await t.notThrowsAsync(widenNeighbourTables(host), 'again');
});
