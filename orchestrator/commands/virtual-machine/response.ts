import type { Db } from '../../store/database.ts';
import type { Caller, ResponseFields, ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { rowsById } from '../lookup.ts';
import { ownerFields, ownerResponseFields } from '../owner-fields.ts';
import { field } from '../response-field.ts';
import { nicResponseFields } from './nic-response.ts';
import { nicsByMachine, presentNics } from './nics.ts';

export const virtualMachineResponseFields: ResponseFields = {
  id: field.string('The id of the instance'),
  name: field.string('The name of the instance: its host name'),
  displayname: field.string('The display name of the instance'),
  instancename: field.string('The internal name of the instance, for root admins'),
  ...ownerResponseFields,
  userid: field.string('The id of the user who deployed it'),
  username: field.string('The name of the user who deployed it'),
  created: field.date('When the instance was deployed'),
  state: field.string('Starting, Running, Stopping, Stopped, Destroyed, Expunging or Error'),
  haenable: field.boolean('True: the instance is restarted on another host'),
  zoneid: field.string('The id of the zone'),
  zonename: field.string('The name of the zone'),
  hostid: field.string('The id of the host, for root admins'),
  hostname: field.string('The name of the host, for root admins'),
  templateid: field.string('The id of the template'),
  templatename: field.string('The name of the template'),
  templatedisplaytext: field.string('The display text of the template'),
  templateformat: field.string('The format of the template'),
  passwordenabled: field.boolean('True: the template takes passwords'),
  password: field.string('Its new password, in the answer of the job that gave it'),
  keypairs: field.string('Names of the SSH key pairs whose keys it has, comma-separated'),
  userdataid: field.string('The id of the user data that it was given by id'),
  userdataname: field.string('The name of the user data that it was given by id'),
  serviceofferingid: field.string('The id of the service offering'),
  serviceofferingname: field.string('The name of the service offering'),
  cpunumber: field.integer('Number of CPUs'),
  cpuspeed: field.integer('Speed of each CPU in MHz'),
  memory: field.integer('Memory in MiB'),
  guestosid: field.string('The id of the OS type'),
  ostypeid: field.string('The id of the OS type'),
  osdisplayname: field.string('The name of the OS type'),
  hypervisor: field.string('The hypervisor of the template'),
  ipaddress: field.string('The address of the default NIC'),
  ip6address: field.string('The IPv6 address of the default NIC'),
  publicip: field.string('The public IP address of its static NAT'),
  publicipid: field.string('The id of the public IP address of its static NAT'),
  nic: field.set('The NICs of the instance', nicResponseFields),
  securitygroup: field.set('Its security groups: none'),
  affinitygroup: field.set('Its affinity groups: none'),
  displayvm: field.boolean('True: the instance is shown to its users'),
  isdynamicallyscalable: field.boolean('True: the instance can be scaled while it runs'),
  deleteprotection: field.boolean('True: the instance cannot be destroyed'),
  vmtype: field.string('The type of the instance: User'),
  details: field.map('For root admins. driver: how its host carries it; reason: why it is in its state'),
  tags: field.set('The tags of the instance'),
  hasannotations: field.boolean('True: the instance has annotations'),
};

type Row = EntityRow<'virtual_machine'>;
interface PresentContext {
  readonly db: Db;
  readonly caller: Caller;
}

/** Instances as the API shows them. */
export async function presentVirtualMachines(context: PresentContext, rows: readonly Row[]): Promise<ResponseObject[]> {
  const { db } = context;
  const owner = await ownerFields(db, rows);
  const ids = (column: 'zone_id' | 'host_id' | 'template_id' | 'service_offering_id' | 'user_id' | 'user_data_id') =>
    rows.map((row) => row[column]);
  const related = {
    zones: await rowsById(db, 'zone', ids('zone_id')),
    hosts: await rowsById(db, 'host', context.caller.role === 'Admin' ? ids('host_id') : []),
    offerings: await rowsById(db, 'service_offering', ids('service_offering_id')),
    users: await rowsById(db, 'cloud_user', ids('user_id')),
    userData: await rowsById(db, 'user_data', ids('user_data_id')),
  };
  const templates = await templateFields(db, ids('template_id'));
  const nics = await nicFields(
    context,
    rows.map(({ id }) => id),
  );
  return rows.map((row) => {
    const offering = related.offerings.get(row.service_offering_id);
    const host = row.host_id === null ? undefined : related.hosts.get(row.host_id);
    return {
      id: row.id,
      name: row.name,
      displayname: row.display_name,
      instancename: context.caller.role === 'Admin' ? row.instance_name : undefined,
      ...owner(row),
      userid: row.user_id ?? undefined,
      username: row.user_id === null ? undefined : related.users.get(row.user_id)?.username,
      created: row.created,
      state: row.state,
      haenable: offering?.offer_ha ?? false,
      zoneid: row.zone_id,
      zonename: related.zones.get(row.zone_id)?.name,
      hostid: host?.id,
      hostname: host?.name,
      details: detailsOf(context.caller, row, host),
      ...templates.get(row.template_id),
      keypairs: row.key_pair_names.length === 0 ? undefined : row.key_pair_names.join(','),
      userdataid: row.user_data_id ?? undefined,
      userdataname: row.user_data_id === null ? undefined : related.userData.get(row.user_data_id)?.name,
      serviceofferingid: row.service_offering_id,
      serviceofferingname: offering?.name,
      cpunumber: offering?.cpu_number,
      cpuspeed: offering?.cpu_speed,
      memory: offering?.memory,
      ...nics.get(row.id),
      securitygroup: [],
      affinitygroup: [],
      displayvm: true,
      isdynamicallyscalable: false,
      deleteprotection: false,
      vmtype: 'User',
      tags: [],
      hasannotations: false,
    };
  });
}

function detailsOf(caller: Caller, row: Row, host: EntityRow<'host'> | undefined): ResponseObject | undefined {
  if (caller.role !== 'Admin') return undefined;
  const details = Object.entries({ driver: host?.driver, reason: row.reason }).filter(([, value]) => value);
  return details.length === 0 ? undefined : Object.fromEntries(details);
}

async function templateFields(db: Db, ids: readonly (string | null)[]): Promise<Map<string, ResponseObject>> {
  const templates = await rowsById(db, 'template', ids);
  const osTypes = await rowsById(
    db,
    'os_type',
    [...templates.values()].map((template) => template.os_type_id),
  );
  return new Map(
    [...templates].map(([id, template]) => [
      id,
      {
        templateid: id,
        templatename: template.name,
        templatedisplaytext: template.display_text,
        templateformat: template.format,
        passwordenabled: template.password_enabled,
        hypervisor: template.hypervisor,
        guestosid: template.os_type_id,
        ostypeid: template.os_type_id,
        osdisplayname: osTypes.get(template.os_type_id)?.description,
      },
    ]),
  );
}

/** The fields that come from NICs, by instance. */
async function nicFields(context: PresentContext, ids: readonly string[]): Promise<Map<string, ResponseObject>> {
  const byMachine = await nicsByMachine(context.db, ids);
  const presented = await presentNics(context, [...byMachine.values()].flat());
  const fields = new Map<string, ResponseObject>();
  for (const id of ids) {
    const nic = presented.filter((each) => each.virtualmachineid === id);
    const first = nic.find((each) => each.isdefault === true);
    fields.set(id, {
      nic,
      ipaddress: first?.ipaddress,
      ip6address: first?.ip6address,
      publicip: first?.publicip,
      publicipid: first?.publicipid,
    });
  }
  return fields;
}

/** One instance by id as the API shows it; empty where it is gone. */
export async function presentVirtualMachine(context: PresentContext, id: string): Promise<ResponseObject> {
  const rows = await context.db.selectFrom('virtual_machine').selectAll().where('id', '=', id).execute();
  return (await presentVirtualMachines(context, rows))[0] ?? {};
}
