import { forwardedPorts } from '../../model/port-forwarding.ts';
import { touch } from '../../store/network-change.ts';
import { asyncCommand } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { unservedParameter } from '../unserved.ts';
import { portForwardingResponseFields, presentPortForwardingRule } from './response.ts';
import { holdMachine, targetNic } from './target.ts';

export const updatePortForwardingRule = asyncCommand({
  name: 'updatePortForwardingRule',
  description: 'Forwards the public ports of a rule to other ports or another instance. They go on being forwarded.',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('port_forwarding_rule').required('The port forwarding rule'),
    privateport: p.port.optional("The first of the instance's ports"),
    privateendport: p.port.optional("The last of the instance's ports; by default as many as public ones"),
    virtualmachineid: p.entity('virtual_machine').optional('The instance'),
    vmguestip: p.ipv4.optional("The instance's address in the network"),
    cidrlist: unservedParameter("in an isolated network the address's firewall rules have the CIDRs", 'list'),
    fordisplay: p.boolean.optional('Accepted for the clients that send it'),
  },
  responseKey: 'portforwardingrule',
  responseFields: portForwardingResponseFields,
  eventType: 'NET.RULEMODIFY',
  instanceType: 'PortForwardingRule',
  creates: false,
  prepare: async ({ db }, { id, virtualmachineid, privateport, privateendport, vmguestip }) => {
    const machineId = virtualmachineid?.id ?? id.virtual_machine_id;
    await holdMachine(db, machineId);
    const rule = await db
      .selectFrom('port_forwarding_rule')
      .selectAll()
      .where('id', '=', id.id)
      .forNoKeyUpdate()
      .executeTakeFirst();
    if (rule === undefined || rule.state === 'Revoke') {
      throw parameterError('id', id.id, 'a port forwarding rule that is not being deleted');
    }
    const ports = changedPorts(rule, privateport, privateendport);
    const sameNic = machineId === rule.virtual_machine_id ? rule.private_address : null;
    const target = {
      virtualMachineId: machineId,
      networkId: rule.network_id,
      vmguestip: vmguestip ?? sameNic ?? undefined,
    };
    const { nic, privateAddress } = await targetNic(db, target);
    await db
      .updateTable('port_forwarding_rule')
      .set({
        private_start_port: ports.first,
        private_end_port: ports.last,
        virtual_machine_id: machineId,
        nic_id: nic.id,
        private_address: privateAddress,
        state: 'Add',
        // An earlier change that still waits has the acknowledged row already.
        previous: rule.state === 'Active' ? JSON.stringify({ ...rule, previous: null }) : undefined,
      })
      .where('id', '=', rule.id)
      .execute();
    await touch(db, rule.network_id, 'nat.portForwards', rule.id);
    return { id: rule.id };
  },
  execute: async (context, id) => {
    await context.orchestration.settleRule('port_forwarding_rule', id);
    return presentPortForwardingRule(context, id);
  },
});

function changedPorts(
  rule: EntityRow<'port_forwarding_rule'>,
  privateport: number | undefined,
  privateendport: number | undefined,
) {
  const first = privateport ?? rule.private_start_port;
  const { privatePorts } = forwardedPorts({
    publicport: rule.public_start_port,
    publicendport: rule.public_end_port,
    privateport: first,
    privateendport: privateendport ?? first + rule.public_end_port - rule.public_start_port,
  });
  if (privatePorts.last > 65535) {
    throw parameterError(
      'privateport',
      first,
      `a port with room for ${privatePorts.last - first + 1} ports below 65536`,
    );
  }
  return privatePorts;
}
