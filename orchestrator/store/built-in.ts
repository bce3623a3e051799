// Rows that every installation has from its first start: OS types, offerings with the field's default names, one template.
import type { Trx } from './database.ts';

const osTypes = [
  ['Debian', 'Debian GNU/Linux 12 (64-bit)'],
  ['Debian', 'Debian GNU/Linux 13 (64-bit)'],
  ['Ubuntu', 'Ubuntu 24.04 LTS'],
  ['RedHat', 'Red Hat Enterprise Linux 9'],
  ['CentOS', 'CentOS Stream 9'],
  ['Windows', 'Windows Server 2025 (64-bit)'],
  ['FreeBSD', 'FreeBSD 14 (64-bit)'],
  ['None', 'None'],
  ['Other', 'Other Linux (64-bit)'],
] as const;

const serviceOfferings = [
  { name: 'Small Instance', cpu_number: 1, cpu_speed: 500, memory: 512 },
  { name: 'Medium Instance', cpu_number: 1, cpu_speed: 1000, memory: 1024 },
  {
    name: 'System Offering For Software Router',
    cpu_number: 1,
    cpu_speed: 500,
    memory: 512,
    is_system: true,
    system_vm_type: 'domainrouter',
    offer_ha: true,
  },
];

const router = ['VirtualRouter'];
const isolatedServices = {
  Dhcp: router,
  Dns: router,
  UserData: router,
  Firewall: router,
  Gateway: router,
  SourceNat: router,
  StaticNat: router,
  PortForwarding: router,
  Lb: router,
};

/** Offerings of isolated networks; the names are the field's, the services those that this release delivers. */
const networkOfferings = [
  {
    name: 'DefaultIsolatedNetworkOfferingWithSourceNatService',
    display_text: 'Offering for isolated networks with source NAT',
    availability: 'Required',
    services: isolatedServices,
    egress_default_allow: false,
  },
  {
    name: 'DefaultIsolatedNetworkOffering',
    display_text: 'Offering for isolated networks without source NAT',
    availability: 'Optional',
    services: { Dhcp: router, Dns: router, UserData: router },
    egress_default_allow: false,
  },
  {
    name: 'DefaultIsolatedDualStackNetworkOffering',
    display_text: 'Offering for isolated networks with IPv4 and IPv6',
    availability: 'Optional',
    services: isolatedServices,
    egress_default_allow: false,
    internet_protocol: 'DualStack',
  },
  {
    name: 'DefaultIsolatedRoutedNetworkOffering',
    display_text: 'Offering for routed networks: no NAT, guests at their own addresses',
    availability: 'Optional',
    services: { Dhcp: router, Dns: router, UserData: router, Firewall: router, Gateway: router },
    egress_default_allow: false,
    network_mode: 'ROUTED',
  },
] as const;

/** Adds what is missing of the built-in rows. `admin` owns the template. Idempotent. */
export async function ensureBuiltInRows(trx: Trx, admin: { accountId: string; domainId: string }): Promise<void> {
  const present = await trx.selectFrom('template').select('id').executeTakeFirst();
  if (present !== undefined) return;
  await trx
    .insertInto('os_type')
    .values(osTypes.map(([category, description]) => ({ category, description })))
    .execute();
  await trx
    .insertInto('service_offering')
    .values(
      serviceOfferings.map((offering) => ({
        is_system: false,
        offer_ha: false,
        system_vm_type: null,
        ...offering,
        display_text: offering.name,
        is_default: true,
      })),
    )
    .execute();
  await trx
    .insertInto('network_offering')
    .values(
      networkOfferings.map((offering) => ({
        ...offering,
        guest_ip_type: 'Isolated' as const,
        state: 'Enabled' as const,
        is_default: true,
        service_offering_id: null,
        network_rate: null,
        services: JSON.stringify(offering.services),
      })),
    )
    .execute();
  const { id: osTypeId } = await trx
    .selectFrom('os_type')
    .select('id')
    .where('description', '=', 'Other Linux (64-bit)')
    .executeTakeFirstOrThrow();
  await trx
    .insertInto('template')
    .values({
      name: 'isthmus-http-echo',
      display_text: 'A network namespace with a DHCP client and an HTTP server that says who asked',
      format: 'NAMESPACE',
      hypervisor: 'KVM',
      os_type_id: osTypeId,
      url: 'builtin:http-echo',
      size: 0,
      account_id: admin.accountId,
      domain_id: admin.domainId,
    })
    .execute();
}
