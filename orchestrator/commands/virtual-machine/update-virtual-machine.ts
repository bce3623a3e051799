import { touchNic } from '../../store/network-change.ts';
import { type CommandContext, syncCommand } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { parameterError } from '../errors.ts';
import { lockNetwork } from '../network/lock.ts';
import { nicDhcpOptionsParameter, setDhcpOptionsOfMachine } from '../nic/dhcp-options.ts';
import { p } from '../parameter.ts';
import { unservedFlag, unservedParameter } from '../unserved.ts';
import { givesUserData, userDataParameters } from '../user-data/of-instance.ts';
import { checkNameFree } from './insert-nics.ts';
import { nicsByMachine } from './nics.ts';
import { presentVirtualMachine, virtualMachineResponseFields } from './response.ts';
import { setUserData } from './set-user-data.ts';

export const updateVirtualMachine = syncCommand({
  name: 'updateVirtualMachine',
  description: 'Updates an instance. Its name changes only while it is stopped.',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('virtual_machine').required('The instance'),
    name: p.hostname.optional('The new host name, unique in its networks'),
    displayname: p.text.optional('The new display name'),
    ...userDataParameters,
    displayvm: p.boolean.optional('Accepted for the clients that send it'),
    ostypeid: unservedParameter("an instance has its template's OS type", 'uuid'),
    group: unservedParameter('there are no instance groups'),
    haenable: unservedFlag('the service offering says so'),
    isdynamicallyscalable: unservedFlag('instances cannot be scaled while they run'),
    deleteprotection: unservedFlag('instances have no delete protection'),
    securitygroupids: unservedParameter('zones have no security groups', 'list'),
    securitygroupnames: unservedParameter('zones have no security groups', 'list'),
    dhcpoptionsnetworklist: nicDhcpOptionsParameter,
  },
  responseKey: 'virtualmachine',
  responseFields: virtualMachineResponseFields,
  handler: async (context, { id: machine, name, displayname, dhcpoptionsnetworklist = [], ...given }) => {
    const { db } = context;
    if (name !== undefined && name !== machine.name) await rename(context, machine, name);
    await db
      .updateTable('virtual_machine')
      .set({ display_name: displayname ?? machine.display_name })
      .where('id', '=', machine.id)
      .execute();
    if (givesUserData(given)) await setUserData(context, machine, given);
    await setDhcpOptionsOfMachine(db, machine.id, dhcpoptionsnetworklist);
    await context.event('VM.UPDATE', `Updated instance ${name ?? machine.name}`, {
      type: 'VirtualMachine',
      id: machine.id,
      owner: { accountId: machine.account_id, domainId: machine.domain_id },
    });
    return presentVirtualMachine(context, machine.id);
  },
  afterCommit: async ({ orchestration }, { id: { id }, dhcpoptionsnetworklist = [], ...given }) => {
    if (givesUserData(given)) await orchestration.settleNics(id);
    for (const { networkId } of dhcpoptionsnetworklist) await orchestration.applyChanges(networkId);
  },
});

/** Lease and DNS name follow with the next start. */
async function rename(
  { db }: CommandContext,
  machine: EntityRow<'virtual_machine'>,
  name: EntityRow<'virtual_machine'>['name'],
): Promise<void> {
  const nics = (await nicsByMachine(db, [machine.id])).get(machine.id) ?? [];
  const networkIds = nics.map((nic) => nic.network_id);
  for (const networkId of [...networkIds].sort()) await lockNetwork(db, networkId);
  const { state } = await db
    .selectFrom('virtual_machine')
    .select('state')
    .where('id', '=', machine.id)
    .forNoKeyUpdate()
    .executeTakeFirstOrThrow();
  if (state !== 'Stopped') throw parameterError('name', name, `the instance in state Stopped; it is ${state}`);
  if (networkIds.length > 0) await checkNameFree(db, networkIds, name, machine.id);
  await db.updateTable('virtual_machine').set({ name }).where('id', '=', machine.id).execute();
  for (const nic of nics) await touchNic(db, nic);
}
