import { sql } from 'kysely';
import { listCommand } from '../declaration.ts';
import { absentFilter, idFilter, nothingWhere } from '../filters.ts';
import { p } from '../parameter.ts';
import { presentVirtualMachines, virtualMachineResponseFields } from './response.ts';

const gone = ['Destroyed', 'Expunging'] as const;

export const listVirtualMachines = listCommand({
  name: 'listVirtualMachines',
  description: 'Lists instances',
  roles: ['Admin', 'DomainAdmin', 'User'],
  entity: 'virtual_machine',
  keywordColumns: ['name', 'display_name', 'instance_name', 'state'],
  order: ['created'],
  parameters: {
    ids: p.entities('virtual_machine').optional('List these instances'),
    name: p.text.optional('List by name, exactly'),
    state: p.text.optional('List by state; Present: all but destroyed ones'),
    zoneid: p.entity('zone').optional('List by zone'),
    networkid: p.entity('network').optional('List by network'),
    templateid: p.entity('template').optional('List by template'),
    serviceofferingid: p.entity('service_offering').optional('List by service offering'),
    hostid: p.entity('host').optional('List by host', { roles: ['Admin'] }),
    podid: p.entity('pod').optional('List by pod', { roles: ['Admin'] }),
    clusterid: p.entity('cluster').optional('List by cluster', { roles: ['Admin'] }),
    userid: idFilter('List by the user who deployed it'),
    hypervisor: p.text.optional("List by the template's hypervisor"),
    details: p.textList.optional('Accepted for the clients that send it: all details are listed'),
    displayvm: p.boolean.optional('False: instances that are not shown; there are none'),
    forvirtualnetwork: p.boolean.optional('False: instances in shared networks; there are none'),
    haenable: p.boolean.optional('List by whether they are restarted on another host'),
    vpcid: absentFilter('VPC'),
    groupid: absentFilter('instance group'),
    isoid: absentFilter('ISO'),
    affinitygroupid: absentFilter('affinity group'),
    securitygroupid: absentFilter('security group'),
    autoscalevmgroupid: absentFilter('autoscale group'),
    backupofferingid: absentFilter('backup offering'),
    userdataid: p.entity('user_data').optional('List by the user data that it was given by its id'),
    keypair: p.name.optional('List by the name of an SSH key pair that it was given the key of'),
  },
  responseKey: 'virtualmachine',
  responseFields: virtualMachineResponseFields,
  filter: (query, parameters) => {
    const { ids, name, state, zoneid, networkid, templateid, serviceofferingid, hostid, userid } = parameters;
    let q = query;
    if (ids !== undefined && ids.length > 0) {
      q = q.where(
        'virtual_machine.id',
        'in',
        ids.map(({ id }) => id),
      );
    }
    if (name !== undefined) q = q.where(sql<boolean>`lower(virtual_machine.name) = ${name.toLowerCase()}`);
    if (state?.toLowerCase() === 'present') q = q.where('virtual_machine.state', 'not in', [...gone]);
    else if (state !== undefined) q = q.where(sql<boolean>`lower(virtual_machine.state) = ${state.toLowerCase()}`);
    if (zoneid !== undefined) q = q.where('virtual_machine.zone_id', '=', zoneid.id);
    if (templateid !== undefined) q = q.where('virtual_machine.template_id', '=', templateid.id);
    if (serviceofferingid !== undefined) q = q.where('virtual_machine.service_offering_id', '=', serviceofferingid.id);
    if (hostid !== undefined) q = q.where('virtual_machine.host_id', '=', hostid.id);
    if (userid !== undefined) q = q.where('virtual_machine.user_id', '=', userid);
    if (networkid !== undefined) {
      q = q.where(related(sql`nic`, sql`virtual_machine_id = virtual_machine.id and network_id = ${networkid.id}`));
    }
    if (parameters.podid !== undefined) {
      q = q.where(related(sql`host`, sql`id = virtual_machine.host_id and pod_id = ${parameters.podid.id}`));
    }
    if (parameters.clusterid !== undefined) {
      q = q.where(related(sql`host`, sql`id = virtual_machine.host_id and cluster_id = ${parameters.clusterid.id}`));
    }
    if (parameters.hypervisor !== undefined) {
      const hypervisor = parameters.hypervisor.toLowerCase();
      q = q.where(related(sql`template`, sql`id = virtual_machine.template_id and lower(hypervisor) = ${hypervisor}`));
    }
    if (parameters.haenable !== undefined) {
      q = q.where(
        related(
          sql`service_offering`,
          sql`id = virtual_machine.service_offering_id and offer_ha = ${parameters.haenable}`,
        ),
      );
    }
    const { userdataid, keypair } = parameters;
    if (userdataid !== undefined) q = q.where('virtual_machine.user_data_id', '=', userdataid.id);
    if (keypair !== undefined) q = q.where(sql<boolean>`${keypair} = any(virtual_machine.key_pair_names)`);
    const absent = [
      parameters.vpcid,
      parameters.groupid,
      parameters.isoid,
      parameters.affinitygroupid,
      parameters.securitygroupid,
      parameters.autoscalevmgroupid,
      parameters.backupofferingid,
    ];
    const impossible =
      parameters.displayvm === false ||
      parameters.forvirtualnetwork === false ||
      absent.some((value) => value !== undefined);
    return nothingWhere(q, impossible);
  },
  present: presentVirtualMachines,
});

function related(table: ReturnType<typeof sql>, condition: ReturnType<typeof sql>) {
  return sql<boolean>`exists (select 1 from ${table} where ${condition})`;
}
