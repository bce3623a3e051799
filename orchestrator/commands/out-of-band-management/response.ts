import type { Selectable } from 'kysely';
import type { OutOfBandManagementTable } from '../../store/schema.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import { field } from '../response-field.ts';

/** Fields of a host's out-of-band management. The password is never among them. */
export const outOfBandFields: ResponseFields = {
  hostid: field.string('The id of the host'),
  powerstate: field.string('On, Off, Unknown or Disabled'),
  enabled: field.boolean('True: the host is powered off by it before what it carried starts elsewhere'),
  driver: field.string('ipmitool'),
  address: field.string('Address of the controller'),
  port: field.string('UDP port of the controller'),
  username: field.string('User of the controller'),
  action: field.string('The power action that was done'),
  description: field.string('What was done, for a person'),
  status: field.boolean('True: it was done'),
};

/** A host's out-of-band management as the API shows it. */
export function presentOutOfBand(row: Selectable<OutOfBandManagementTable>): ResponseObject {
  return {
    hostid: row.host_id,
    powerstate: row.is_enabled ? row.power_state : 'Disabled',
    enabled: row.is_enabled,
    driver: row.driver,
    address: row.address,
    port: String(row.port),
    username: row.username,
  };
}
