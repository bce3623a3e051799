import { InvalidValueError, parseIpv4Address } from '@isthmus/net';
import { syncCommand } from '../declaration.ts';
import { type Parameter, p } from '../parameter.ts';
import { passwordParameter } from './parameters.ts';
import { outOfBandFields, presentOutOfBand } from './response.ts';
import { outOfBandRow } from './row.ts';

function parseUsername(text: string): string {
  // A leading hyphen would be an option of the tool.
  if (/^[A-Za-z0-9_.@][A-Za-z0-9_.@-]{0,15}$/.test(text)) return text;
  throw new InvalidValueError(text, 'a user name of 1 to 16 letters, digits, dots, hyphens, underscores and @');
}

const username: Parameter<string, true> = { ...p.text.required("The controller's user"), parse: parseUsername };

/** The field types it as a string. */
const port: Parameter<number, true> = { ...p.port.required('UDP port of the controller, such as 623'), type: 'string' };

/** configureOutOfBandManagement: how a host's power is switched from outside. It is heeded once it is enabled. */
export const configureOutOfBandManagement = syncCommand({
  name: 'configureOutOfBandManagement',
  description: "Configures a host's out-of-band management, by which it is fenced",
  roles: ['Admin'],
  parameters: {
    hostid: p.entity('host').required('The host'),
    driver: p.oneOf('ipmitool').required('ipmitool: IPMI 2.0 over the LAN'),
    address: { ...p.ipv4.required('IPv4 address of the controller'), parse: parseIpv4Address },
    port,
    username,
    password: passwordParameter,
  },
  responseKey: 'outofbandmanagement',
  responseFields: outOfBandFields,
  handler: async ({ db, event, orchestration }, { hostid: host, ...given }) => {
    const values = {
      driver: given.driver,
      address: given.address,
      port: given.port,
      username: given.username,
      sealed_password: orchestration.sealSecret(given.password),
      power_state: 'Unknown' as const,
      updated: new Date(),
    };
    await db
      .insertInto('out_of_band_management')
      .values({ host_id: host.id, ...values })
      .onConflict((conflict) => conflict.column('host_id').doUpdateSet(values))
      .execute();
    await event('HOST.OOBM.CONFIGURE', `Configured out-of-band management of host ${host.name}`, {
      type: 'Host',
      id: host.id,
    });
    return { ...presentOutOfBand(await outOfBandRow(db, host.id)), status: true };
  },
});
