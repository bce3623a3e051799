import type { Trx } from '../../store/database.ts';
import { touch, touchGuestOfStaticNat } from '../../store/network-change.ts';
import { syncCommand } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { ApiError, parameterError } from '../errors.ts';
import { refuseLoadBalancedAddress } from '../load-balancer/port-conflicts.ts';
import { requireService } from '../network/require-service.ts';
import { p } from '../parameter.ts';
import { checkNetworkOfAddress, holdMachine, targetNic } from '../port-forwarding/target.ts';
import { lockPublicIp, type UsableAddress } from '../public-ip/lock.ts';
import { successFields } from '../response-field.ts';

export const enableStaticNat = syncCommand({
  name: 'enableStaticNat',
  description: 'Gives a public IP address to one instance, both ways. Answers when it is in force.',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    ipaddressid: p.entity('public_ip_address').required('The public IP address'),
    virtualmachineid: p.entity('virtual_machine').required('The instance'),
    networkid: p.entity('network').optional('The network: that of the public IP address'),
    vmguestip: p.ipv4.optional("The instance's address in the network"),
  },
  responseKey: null,
  responseFields: successFields,
  handler: async (context, { ipaddressid, virtualmachineid, networkid, vmguestip }) => {
    const { db } = context;
    await holdMachine(db, virtualmachineid.id);
    const address = await lockPublicIp(db, 'ipaddressid', ipaddressid.id);
    checkNetworkOfAddress(networkid?.id, address);
    const networkId = address.network_id;
    await requireService(db, networkId, 'StaticNat', { name: 'ipaddressid', value: address.id });
    const { nic, privateAddress } = await targetNic(db, {
      virtualMachineId: virtualmachineid.id,
      networkId,
      vmguestip,
    });
    await checkFree(db, address, nic, privateAddress);
    const leadsThere = address.static_nat_nic_id === nic.id && address.static_nat_private_address === privateAddress;
    if (!leadsThere || address.static_nat_state === 'Revoke') {
      await db
        .updateTable('public_ip_address')
        .set({ static_nat_nic_id: nic.id, static_nat_private_address: privateAddress, static_nat_state: 'Add' })
        .where('id', '=', address.id)
        .execute();
      await touch(db, networkId, 'nat.staticNats', address.id);
      await touchGuestOfStaticNat(db, address.id);
    }
    await context.event(
      'STATICNAT.ENABLE',
      `Enabled static NAT of ${address.address} to ${privateAddress ?? nic.address}`,
      {
        type: 'IpAddress',
        id: address.id,
        owner: { accountId: address.account_id, domainId: address.domain_id },
      },
    );
    return { success: true };
  },
  afterCommit: ({ orchestration }, { ipaddressid }) => orchestration.settleRule('public_ip_address', ipaddressid.id),
});

/** Neither the address nor the NIC serves anything else. Throws 431 and 537. */
async function checkFree(
  db: Trx,
  address: UsableAddress,
  nic: EntityRow<'nic'>,
  privateAddress: EntityRow<'nic'>['address'] | null,
): Promise<void> {
  if (address.is_source_nat) {
    throw parameterError('ipaddressid', address.id, `another address than the source NAT address ${address.address}`);
  }
  if (
    address.static_nat_nic_id !== null &&
    address.static_nat_nic_id !== nic.id &&
    address.static_nat_state !== 'Revoke'
  ) {
    throw new ApiError(
      'conflict',
      `Public IP address ${address.address} (ipaddressid) has static NAT to another instance: expected it disabled first`,
    );
  }
  const forward = await db
    .selectFrom('port_forwarding_rule')
    .select('id')
    .where('public_ip_address_id', '=', address.id)
    .where('state', '<>', 'Revoke')
    .limit(1)
    .executeTakeFirst();
  if (forward !== undefined) {
    throw new ApiError(
      'conflict',
      `Public IP address ${address.address} (ipaddressid) has port forwarding rule ${forward.id}: expected an address without any`,
    );
  }
  await refuseLoadBalancedAddress(db, address, 'ipaddressid');
  const other = await db
    .selectFrom('public_ip_address')
    .select('address')
    .where('static_nat_nic_id', '=', nic.id)
    .where('static_nat_private_address', 'is not distinct from', privateAddress)
    .where('static_nat_state', 'in', ['Add', 'Active'])
    .where('id', '<>', address.id)
    .executeTakeFirst();
  if (other !== undefined) {
    throw new ApiError(
      'conflict',
      `The instance ${nic.virtual_machine_id} (virtualmachineid) has static NAT by ${other.address}: expected one without`,
    );
  }
}
