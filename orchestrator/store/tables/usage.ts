// Tables of accounting.
import type { ColumnType, Generated } from 'kysely';

type Bytes = ColumnType<string, number | string, number | string>;

/** When a router's counters were read last, and since when they count. */
export interface UsageReadingTable {
  router_id: string;
  epoch: string;
  read_at: Date;
}

/** What they said then. */
export interface UsageCounterTable {
  router_id: string;
  /** '' for the whole network's. */
  address: string;
  sent_bytes: Bytes;
  received_bytes: Bytes;
}

/** Bytes of a network, or of one of its public addresses, within a time. */
export interface UsageRecordTable {
  id: Generated<string>;
  /** CloudStack's usage types: 4 network bytes sent, 5 network bytes received. */
  usage_type: 4 | 5;
  network_id: string;
  network_name: string;
  public_ip_address_id: string | null;
  /** '' for the whole network. */
  public_ip_address: Generated<string>;
  zone_id: string;
  account_id: string;
  domain_id: string;
  bytes: Bytes;
  start_date: Date;
  end_date: Date;
}

export interface UsageTables {
  usage_reading: UsageReadingTable;
  usage_counter: UsageCounterTable;
  usage_record: UsageRecordTable;
}
