// A host's out-of-band management: its row, its password opened, its power asked for and written down.
import type { Selectable } from 'kysely';
import { type IpmiAddress, IpmiError } from '../drivers/ipmi.ts';
import { ApiError } from '../model/api-error.ts';
import type { PowerAction, PowerState } from '../model/host-orchestration.ts';
import type { OutOfBandManagementTable } from '../store/schema.ts';
import type { Parts } from './parts.ts';

type OutOfBandParts = Pick<Parts, 'db' | 'power' | 'sealer'>;

/** The out-of-band management of a host; undefined where none is configured. */
export function outOfBandOf(
  { db }: Pick<Parts, 'db'>,
  hostId: string,
): Promise<Selectable<OutOfBandManagementTable> | undefined> {
  return db.selectFrom('out_of_band_management').selectAll().where('host_id', '=', hostId).executeTakeFirst();
}

function addressOf(parts: OutOfBandParts, row: Selectable<OutOfBandManagementTable>): IpmiAddress {
  const { address, port, username } = row;
  return { address, port, username, password: parts.sealer.open(row.sealed_password) };
}

/** Does a power action and writes down what STATUS said. Throws IpmiError. */
export async function actOnPower(
  parts: OutOfBandParts,
  row: Selectable<OutOfBandManagementTable>,
  action: PowerAction,
): Promise<PowerState> {
  const state = await parts.power.act(addressOf(parts, row), action);
  if (action === 'STATUS') {
    await parts.db
      .updateTable('out_of_band_management')
      .set({ power_state: state, updated: new Date() })
      .where('host_id', '=', row.host_id)
      .execute();
  }
  return state;
}

/**
 * A power action that an admin asked for, and the state after it. Throws ApiError 431 without out-of-band management, 530
 * with the controller's words.
 */
export async function issuePowerAction(parts: Parts, hostId: string, action: PowerAction): Promise<PowerState> {
  const row = await outOfBandOf(parts, hostId);
  if (row === undefined || !row.is_enabled) {
    throw new ApiError('parameter', 'hostid: expected a host whose out-of-band management is configured and enabled');
  }
  return asApiError(async () => {
    if (action !== 'STATUS') await actOnPower(parts, row, action);
    return actOnPower(parts, row, 'STATUS');
  });
}

/** Changes the password of the controller's user, and what is written down of it. Throws ApiError. */
export async function changePowerPassword(parts: Parts, hostId: string, password: string): Promise<void> {
  const row = await outOfBandOf(parts, hostId);
  if (row === undefined) throw new ApiError('parameter', 'hostid: expected a host with out-of-band management');
  await asApiError(() => parts.power.changePassword(addressOf(parts, row), password));
  await parts.db
    .updateTable('out_of_band_management')
    .set({ sealed_password: parts.sealer.seal(password), updated: new Date() })
    .where('host_id', '=', hostId)
    .execute();
}

async function asApiError<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof IpmiError) throw new ApiError('internal', error.message, { cause: error });
    throw error;
  }
}
