// What an operator may do to the store under running routers: restore an older backup.
import { readFile } from 'node:fs/promises';
import { createHost, silentLog } from '@isthmus/host';
import test from 'ava';
import { waitFor } from '../lab/clients.ts';
import { cloudFor } from '../lab/cloud.ts';

const machine = createHost({ log: silentLog });

test('after the restore of a backup each router returns to what the database says, and takes changes', async (t) => {
  const cloud = await cloudFor(t);
  const tenant = await cloud.tenant('alice');
  const web = await tenant.deploy('web');
  const ip = await tenant.sourceNat();
  await tenant.forward(ip, web, { publicport: 8001, privateport: 80 });

  const socket = `${cloud.lab.run}/postgresql`;
  const psql = ['-h', socket, '-U', 'postgres', '-q', '-v', 'ON_ERROR_STOP=1'];
  const dump = `${cloud.lab.run}/backup.sql`;
  await machine.commands.run('pg_dump', ['-h', socket, '-U', 'postgres', '-f', dump, 'isthmus']);
  for (const publicport of [9001, 9002, 9003]) await tenant.forward(ip, web, { publicport, privateport: 80 });

  await cloud.killOrchestrator();
  await machine.commands.run('psql', [...psql, '-c', 'drop database isthmus with (force)', 'postgres']);
  await machine.commands.run('psql', [...psql, '-c', 'create database isthmus', 'postgres']);
  await machine.commands.run('psql', [...psql, 'isthmus'], { input: await readFile(dump, 'utf8') });
  await cloud.startOrchestrator();

  const router = await tenant.routerHost();
  const ports = async () => {
    const { stdout } = await router.commands.run('iptables-save', ['-t', 'nat']);
    return [...stdout.matchAll(/--dport (\d+) -j DNAT/g)].map(([, port]) => Number(port)).sort();
  };
  await waitFor('the router serves what the database says', async () => (await ports()).join() === '8001', 20_000);
  await tenant.forward(ip, web, { publicport: 8002, privateport: 80 });
  t.deepEqual(await ports(), [8001, 8002]);
});
