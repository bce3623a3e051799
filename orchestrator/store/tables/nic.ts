// Table of NICs' further addresses.
import type { Ipv4Address } from '@isthmus/net';
import type { ColumnType, Generated } from 'kysely';

export interface NicSecondaryAddressTable {
  id: Generated<string>;
  nic_id: string;
  network_id: string;
  address: Ipv4Address;
  created: ColumnType<Date, Date | undefined, Date>;
}

export interface NicTables {
  nic_secondary_address: NicSecondaryAddressTable;
}
