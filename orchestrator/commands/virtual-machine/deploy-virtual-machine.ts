import { randomUUID } from 'node:crypto';
import { type Hostname, parseHostname } from '@isthmus/net';
import { driverOfTemplate } from '../../model/template-driver.ts';
import { defaultHostname, instanceName } from '../../model/virtual-machine.ts';
import { nextNumber } from '../../store/database.ts';
import { asyncCommand } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { ApiError, parameterError } from '../errors.ts';
import { nicDhcpOptionsParameter, setDhcpOptionsOfMachine } from '../nic/dhcp-options.ts';
import { type Parameter, p } from '../parameter.ts';
import { keyPairParameters, keysOfInstance } from '../ssh-key-pair/of-instance.ts';
import { checkTemplateDeployable } from '../template/deployable.ts';
import { unservedFlag, unservedParameter } from '../unserved.ts';
import { userDataOfInstance, userDataParameters } from '../user-data/of-instance.ts';
import { checkNameFree, insertNics } from './insert-nics.ts';
import { lockNetworksOfMachine } from './networks.ts';
import { newPasswordColumns, passwordAnswer, passwordParameter, refusePassword } from './password.ts';
import { presentVirtualMachine, virtualMachineResponseFields } from './response.ts';

const disks = 'instances have the disk of their template alone';
const groups = 'zones have no security groups';
const affinity = 'there are no affinity groups';

/** A host name has no case; the display name that is made of it keeps the tenant's spelling, which clients look for. */
const nameParameter: Parameter<{ hostname: Hostname; spelled: string }, false> = {
  ...p.hostname.optional('Host name, unique in its networks; by default vm- and the id'),
  parse: (text) => ({ hostname: parseHostname(text), spelled: text }),
};

export const deployVirtualMachine = asyncCommand({
  name: 'deployVirtualMachine',
  description: 'Deploys an instance with a NIC in each of the networks, and starts it unless told not to',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    serviceofferingid: p.entity('service_offering').required('The service offering'),
    templateid: p.entity('template').required('The template'),
    zoneid: p.entity('zone').required('The zone'),
    name: nameParameter,
    displayname: p.text.optional('Display name; by default the name'),
    networkids: p.entities('network').optional('The networks, comma-separated, the default one first'),
    ipaddress: p.ipv4.optional('Address in the default network; by default the lowest free one'),
    ...userDataParameters,
    ...keyPairParameters,
    password: passwordParameter,
    rootdisksize: {
      ...p.integer(1, 65_536).optional("Size of its disk in GiB, not below its template's; by default that"),
      type: 'long',
    },
    startvm: p.boolean.optional('False: deployed but not started'),
    account: p.text.optional('The account that owns it; with domainid where that is of another domain'),
    domainid: p.entity('domain').optional("The owner's domain"),
    hostid: p.entity('host').optional('The host to start it on', { roles: ['Admin'] }),
    hypervisor: p.text.optional("Accepted for the clients that send it: the template's is taken"),
    displayvm: p.boolean.optional('Accepted for the clients that send it'),
    keyboard: p.text.optional('Accepted for the clients that send it'),
    projectid: unservedParameter('there are no projects', 'uuid'),
    volumeid: unservedParameter(disks, 'uuid'),
    snapshotid: unservedParameter(disks, 'uuid'),
    diskofferingid: unservedParameter(disks, 'uuid'),
    overridediskofferingid: unservedParameter(disks, 'uuid'),
    size: unservedParameter(disks, 'long'),
    datadiskofferinglist: unservedParameter(disks, 'map'),
    datadisksdetails: unservedParameter(disks, 'map'),
    iptonetworklist: unservedParameter('networkids names the networks, ipaddress the address', 'map'),
    ip6address: unservedParameter('the IPv6 address of a NIC follows from its MAC address'),
    macaddress: unservedParameter('MAC addresses are given by the installation'),
    dhcpoptionsnetworklist: nicDhcpOptionsParameter,
    securitygroupids: unservedParameter(groups, 'list'),
    securitygroupnames: unservedParameter(groups, 'list'),
    affinitygroupids: unservedParameter(affinity, 'list'),
    affinitygroupnames: unservedParameter(affinity, 'list'),
    group: unservedParameter('there are no instance groups'),
    leaseduration: unservedParameter('instances have no end date', 'integer'),
    bootintosetup: unservedFlag('instances have no firmware setup'),
  },
  responseKey: 'virtualmachine',
  responseFields: virtualMachineResponseFields,
  eventType: 'VM.CREATE',
  instanceType: 'VirtualMachine',
  creates: true,
  prepare: async (context, parameters) => {
    const { db, caller } = context;
    const { zoneid: zone, templateid: template, serviceofferingid: offering, hostid: host } = parameters;
    checkZoneAndOffering(zone, offering, caller.role === 'Admin');
    if (host !== undefined && host.zone_id !== zone.id) {
      throw parameterError('hostid', host.id, `a host of zone ${zone.name}`);
    }
    await checkTemplateDeployable(context, template, zone);
    if (!template.password_enabled) refusePassword(parameters.password);
    const owner = await context.owner(parameters);
    const networks = await lockNetworksOfMachine(context, zone, owner, parameters.networkids);
    const id = randomUUID();
    const name = parameters.name?.hostname ?? defaultHostname(id);
    const networkIds = networks.map((network) => network.id);
    await checkNameFree(db, networkIds, name, null);
    await db
      .insertInto('virtual_machine')
      .values({
        id,
        instance_name: instanceName(await nextNumber(db, 'appliance_number')),
        name,
        display_name: parameters.displayname ?? parameters.name?.spelled ?? name,
        account_id: owner.accountId,
        domain_id: owner.domainId,
        user_id: caller.userId,
        zone_id: zone.id,
        host_id: host?.id ?? null,
        template_id: template.id,
        service_offering_id: offering.id,
        ...(await userDataOfInstance(context, template.id, parameters)),
        ...(await keysOfInstance(db, owner.accountId, parameters)),
        ...(template.password_enabled ? await newPasswordColumns(context, parameters.password) : {}),
        root_disk_bytes: rootDiskBytes(template, parameters.rootdisksize),
        state: parameters.startvm === false ? 'Stopped' : 'Starting',
      })
      .execute();
    await insertNics(db, id, networks, parameters.ipaddress);
    await setDhcpOptionsOfMachine(db, id, parameters.dhcpoptionsnetworklist ?? []);
    return { id };
  },
  execute: async (context, id, { startvm }) => {
    if (startvm !== false) await context.orchestration.startVirtualMachine(id);
    return { ...(await presentVirtualMachine(context, id)), ...(await passwordAnswer(context, id)) };
  },
});

/** Throws 431 where the disk would be smaller than its template's, or the template has none. */
function rootDiskBytes(template: EntityRow<'template'>, gibibytes: number | undefined): number | null {
  if (gibibytes === undefined) return null;
  if (driverOfTemplate(template) === 'namespace') {
    throw parameterError('rootdisksize', String(gibibytes), 'no value: the template has no disk');
  }
  const bytes = gibibytes * 2 ** 30;
  if (bytes >= Number(template.size)) return bytes;
  const least = Math.ceil(Number(template.size) / 2 ** 30);
  throw parameterError('rootdisksize', String(gibibytes), `at least ${least}, the size of its template`);
}

function checkZoneAndOffering(
  zone: EntityRow<'zone'>,
  offering: EntityRow<'service_offering'>,
  isAdmin: boolean,
): void {
  if (zone.allocation_state === 'Disabled' && !isAdmin) {
    throw new ApiError('account', `Zone ${zone.name} is disabled: expected a zone in allocation state Enabled`);
  }
  if (offering.is_system || offering.state !== 'Active') {
    throw parameterError('serviceofferingid', offering.id, 'an active service offering that is not for system VMs');
  }
}
