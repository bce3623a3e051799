// Which host takes a router: one that reaches the hosts of its network's instances.
import type { Trx } from '../store/database.ts';
import type { PlacementWishes } from './allocate.ts';
import type { Router } from './network-rows.ts';
import type { Parts } from './parts.ts';
import { hostsOf, type Placing, placeAppliance } from './place-appliance.ts';

const placing: Placing<Router> = {
  kind: 'router',
  noun: 'router',
  lockRow: (trx, id) => trx.selectFrom('router').selectAll().where('id', '=', id).forUpdate().executeTakeFirstOrThrow(),
  neighbours: async (trx, router, hosts) => {
    const carrying = await instanceHosts(trx, router.network_id);
    return {
      reaches: hosts.filter((host) => carrying.has(host.id) && host.state !== 'Down'),
      siblings: await siblingHosts(trx, router),
    };
  },
  write: async (trx, id, change, isNew) => {
    if (isNew) await forgetDocument(trx, id);
    return trx.updateTable('router').set(change).where('id', '=', id).returningAll().executeTakeFirstOrThrow();
  },
};

/** As `placeAppliance`; the caller holds the network's lock. */
export function placeRouter(
  parts: Pick<Parts, 'db' | 'setting'>,
  before: Router,
  wishes: PlacementWishes = {},
): Promise<Router> {
  return placeAppliance(parts, placing, before, wishes);
}

/** On another host the router has acknowledged nothing. */
async function forgetDocument(trx: Trx, routerId: string): Promise<void> {
  await trx
    .updateTable('router_document')
    .set({ acknowledged_epoch: null, acknowledged_generation: 0, acknowledged_hash: null })
    .where('router_id', '=', routerId)
    .execute();
}

async function instanceHosts(trx: Trx, networkId: string): Promise<ReadonlySet<string>> {
  const rows = await trx
    .selectFrom('virtual_machine')
    .innerJoin('nic', 'nic.virtual_machine_id', 'virtual_machine.id')
    .select('virtual_machine.host_id')
    .where('nic.network_id', '=', networkId)
    .where('virtual_machine.state', 'in', ['Running', 'Migrating'])
    .execute();
  return hostsOf(rows);
}

async function siblingHosts(trx: Trx, router: Router): Promise<ReadonlySet<string>> {
  const rows = await trx
    .selectFrom('router')
    .select('host_id')
    .where('network_id', '=', router.network_id)
    .where('id', '<>', router.id)
    .where('state', '<>', 'Destroyed')
    .execute();
  return hostsOf(rows);
}
