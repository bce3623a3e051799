import { isUuid } from '../../model/uuid.ts';
import type { Trx } from '../../store/database.ts';
import { touch } from '../../store/network-change.ts';
import { loadRows } from '../access.ts';
import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { networkOfferingFields, presentNetworkOfferingById } from './response.ts';

/** updateNetworkOffering: its names, availability and state; a disabled one takes no new networks. */
export const updateNetworkOffering = syncCommand({
  name: 'updateNetworkOffering',
  description: 'Updates a network offering',
  roles: ['Admin'],
  parameters: {
    id: p.entity('network_offering').required('The id of the offering'),
    name: p.name.optional('Its new name'),
    displaytext: p.text.optional('Its new description'),
    availability: p.oneOf('Optional', 'Required').optional('Optional or Required'),
    state: p.oneOf('Enabled', 'Disabled').optional('Enabled or Disabled'),
    maxconnections: p.integer(1, 1_000_000).optional('Connections of all load balancers of a router at once'),
    keepaliveenabled: p.boolean.optional('Taken and ignored: connections are kept alive'),
    sortkey: p.integer(0, 1_000_000).optional('Accepted for the clients that send it'),
    tags: p.text.optional('Tags of the physical network, comma-separated'),
    domainid: p.textList.optional('Ids of the domains that it is for; public: everybody', { maxLength: 4096 }),
    zoneid: p.textList.optional('Ids of the zones that it is for; all: every zone', { maxLength: 4096 }),
  },
  responseKey: 'networkoffering',
  responseFields: networkOfferingFields,
  handler: async ({ db, event }, { id: before, name, displaytext, availability, state, ...parameters }) => {
    if (name !== undefined && name !== before.name) {
      const taken = await db.selectFrom('network_offering').select('id').where('name', '=', name).executeTakeFirst();
      if (taken !== undefined) throw parameterError('name', name, 'a name that no other network offering has');
    }
    const row = await db
      .updateTable('network_offering')
      .set({
        name: name ?? before.name,
        display_text: displaytext ?? before.display_text,
        availability: availability ?? before.availability,
        state: state ?? before.state,
        max_connections: parameters.maxconnections ?? before.max_connections,
        tags: parameters.tags ?? before.tags,
        domain_ids: JSON.stringify((await idsOf(db, 'domain', 'public', parameters.domainid)) ?? before.domain_ids),
        zone_ids: JSON.stringify((await idsOf(db, 'zone', 'all', parameters.zoneid)) ?? before.zone_ids),
      })
      .where('id', '=', before.id)
      .returning(['id', 'name'])
      .executeTakeFirstOrThrow();
    await event('NETWORK.OFFERING.EDIT', `Updated network offering ${row.name}`, {
      type: 'NetworkOffering',
      id: row.id,
    });
    if (parameters.maxconnections !== undefined) await touchNetworks(db, row.id);
    return presentNetworkOfferingById(db, row.id);
  },
});

/** The ids that a list names; none for the word that stands for all; undefined where nothing is given. Throws 431. */
async function idsOf(
  db: Trx,
  table: 'domain' | 'zone',
  everything: string,
  listed: readonly string[] | undefined,
): Promise<string[] | undefined> {
  if (listed === undefined) return undefined;
  if (listed.length === 1 && listed[0]?.toLowerCase() === everything) return [];
  const found = await loadRows(db, table, listed.filter(isUuid));
  const unknown = listed.find((id) => !found.has(id.toLowerCase()));
  if (unknown !== undefined) throw parameterError(`${table}id`, unknown, `the id of a ${table}, or ${everything}`);
  return [...found.keys()];
}

/** Its networks' routers learn of it with their next change. */
async function touchNetworks(db: Trx, offeringId: string): Promise<void> {
  const networks = await db.selectFrom('network').select('id').where('network_offering_id', '=', offeringId).execute();
  for (const { id } of networks) await touch(db, id, 'settings', '*');
}
