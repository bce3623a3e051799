// Tables and columns of what instances read about themselves. Described where they are made:
// migrations/0005-metadata.ts.
import type { ColumnType, Generated } from 'kysely';
import type { UserDataPolicy } from '../../model/user-data.ts';
import type { Timestamp } from './columns.ts';

export interface SshKeyPairTable {
  id: Generated<string>;
  name: string;
  /** In OpenSSH's format, one line. */
  public_key: string;
  /** As CloudStack spells it: MD5, hexadecimal with colons. */
  fingerprint: string;
  account_id: string;
  domain_id: string;
  created: Timestamp;
}

export interface UserDataTable {
  id: Generated<string>;
  name: string;
  /** Base64. */
  data: string;
  /** Names of the variables in it, comma-separated; '' for none. */
  params: Generated<string>;
  account_id: string;
  domain_id: string;
  created: Timestamp;
}

export interface MetadataTables {
  ssh_key_pair: SshKeyPairTable;
  user_data: UserDataTable;
}

/** Columns of an instance. */
export interface MachineMetadataColumns {
  key_pair_names: Generated<string[]>;
  public_keys: Generated<string[]>;
  /** The user data that it was given by id; `user_data` has what it reads, its template's included. */
  user_data_id: Generated<string | null>;
  /** Values of variables of its user data, by name. */
  user_data_details: ColumnType<Record<string, string> | null, string | null | undefined, string | null>;
  /** Until its guest has fetched it. */
  sealed_password: Generated<string | null>;
  /** Tells the password from the ones before and after it. */
  password_version: Generated<string | null>;
}

/** Columns of a template. */
export interface TemplateMetadataColumns {
  password_enabled: Generated<boolean>;
  ssh_key_enabled: Generated<boolean>;
  user_data_id: Generated<string | null>;
  user_data_policy: Generated<UserDataPolicy | null>;
}
