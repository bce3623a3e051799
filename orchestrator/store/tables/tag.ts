// Table of tags.
import type { ColumnType, Generated } from 'kysely';

export interface ResourceTagTable {
  id: Generated<string>;
  /** CloudStack's name of the kind of resource, such as UserVm. */
  resource_type: string;
  resource_id: string;
  key: string;
  value: string;
  /** Of the API's parameter of that name. */
  customer: string | null;
  account_id: string;
  domain_id: string;
  created: ColumnType<Date, Date | undefined, Date>;
}

export interface TagTables {
  resource_tag: ResourceTagTable;
}
