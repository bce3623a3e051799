// Bytes that the API tells of a tenant's traffic, and traffic of known length.
import type { ApiClient } from '@isthmus/api-client';
import type { Host } from '@isthmus/host';
import type { Tenant } from './tenant.ts';

/** Of an ICMP echo of 1,000 bytes: with ICMP's and IP's headers. */
export const pingBytes = 1028;

/** Pings an address; each request and each answer is `pingBytes` long. Throws where none is answered. */
export async function pingLong(from: Host, address: string, count: number): Promise<void> {
  const args = ['-q', '-n', '-s', '1000', '-c', String(count), '-i', '0.02', '-W', '2', address];
  await from.commands.run('ping', args);
}

/** From the tenant's network and to it. */
export interface Bytes {
  readonly sent: number;
  readonly received: number;
}

/** Bytes of the tenant's network, or of one of its public addresses, after every counter was read. */
export async function usageOf(admin: ApiClient, tenant: Tenant, ipId?: string): Promise<Bytes> {
  await admin.run('generateUsageRecords', {});
  const day = new Date().toISOString().slice(0, 10);
  const records = await tenant.client.list('listUsageRecords', {
    startdate: '2020-01-01',
    enddate: day,
    usageid: ipId ?? tenant.networkId,
  });
  const of = (type: number) =>
    records.filter(({ usagetype }) => usagetype === type).reduce((sum, { rawusage }) => sum + Number(rawusage), 0);
  return { sent: of(4), received: of(5) };
}
