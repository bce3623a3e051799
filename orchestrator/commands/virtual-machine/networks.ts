// The networks that a new instance gets a NIC in.
import type { CommandContext, Owner } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { ApiError, parameterError } from '../errors.ts';
import { insertNetwork } from '../network/create.ts';
import { lockNetwork } from '../network/lock.ts';

type Network = EntityRow<'network'>;

/**
 * The networks named, else the account's only one in the zone, else a new one; each locked until the transaction ends.
 * The first is the default network. Throws 431 and 531.
 */
export async function lockNetworksOfMachine(
  context: CommandContext,
  zone: EntityRow<'zone'>,
  owner: Owner,
  named: readonly Network[] | undefined,
): Promise<Network[]> {
  const wanted = named === undefined || named.length === 0 ? [await defaultNetwork(context, zone, owner)] : named;
  checkNamed(wanted, zone, owner);
  // In one order everywhere, so that two deployments never wait for each other.
  const locked = new Map<string, Network>();
  for (const id of wanted.map((network) => network.id).sort()) locked.set(id, await lockNetwork(context.db, id));
  return wanted.flatMap(({ id }) => locked.get(id) ?? []);
}

function checkNamed(networks: readonly Network[], zone: EntityRow<'zone'>, owner: Owner): void {
  const ids = networks.map(({ id }) => id);
  if (new Set(ids).size < ids.length) throw parameterError('networkids', ids.join(','), 'each network once');
  if (ids.length > 8) throw parameterError('networkids', `${ids.length} networks`, 'at most 8');
  for (const network of networks) {
    if (network.zone_id !== zone.id) {
      throw parameterError('networkids', network.id, `networks of zone ${zone.name}`);
    }
    if (network.account_id !== owner.accountId) {
      throw new ApiError(
        'account',
        `Network ${network.id} (networkids) belongs to another account than the instance: expected networks of its own`,
      );
    }
  }
}

async function defaultNetwork(context: CommandContext, zone: EntityRow<'zone'>, owner: Owner): Promise<Network> {
  const { db } = context;
  // One deployment of an account at a time looks for its network, so that two never make one each.
  const account = await db
    .selectFrom('account')
    .select('name')
    .where('id', '=', owner.accountId)
    .forNoKeyUpdate()
    .executeTakeFirstOrThrow();
  const networks = await db
    .selectFrom('network')
    .selectAll()
    .where('zone_id', '=', zone.id)
    .where('account_id', '=', owner.accountId)
    .where('state', '<>', 'Destroy')
    .limit(2)
    .execute();
  const [only] = networks;
  if (networks.length > 1) {
    throw new ApiError(
      'parameter',
      `The account has more than one network in zone ${zone.name}: expected parameter networkids to name some`,
    );
  }
  if (only !== undefined) return only;
  const offering = await db
    .selectFrom('network_offering')
    .selectAll()
    .where('guest_ip_type', '=', 'Isolated')
    .where('availability', '=', 'Required')
    .where('state', '=', 'Enabled')
    .where('for_vpc', '=', false)
    .orderBy('created')
    .executeTakeFirst();
  if (offering === undefined) {
    throw new ApiError(
      'parameter',
      'The account has no network, and no network offering with availability Required makes one: expected parameter networkids',
    );
  }
  const name = `${account.name}-network`;
  return insertNetwork(context, { name, displayText: name, zone, offering, owner });
}
