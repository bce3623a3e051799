// Tables of accounts, their users and sessions. Columns are described where they are made: migrations/.
import type { Fqdn } from '@isthmus/net';
import type { Generated } from 'kysely';
import type { Timestamp } from './columns.ts';

export interface DomainTable {
  id: Generated<string>;
  name: string;
  /** `/` for ROOT, else `/parent/name/`: a domain's subtree is a prefix. */
  path: string;
  parent_id: string | null;
  level: number;
  network_domain: Fqdn | null;
  state: Generated<'Active' | 'Inactive'>;
  created: Timestamp;
}

/** CloudStack's account types: 0 user, 1 root admin, 2 domain admin. */
export type AccountType = 0 | 1 | 2;

export interface AccountTable {
  id: Generated<string>;
  name: string;
  type: AccountType;
  domain_id: string;
  network_domain: Fqdn | null;
  state: Generated<'enabled' | 'disabled' | 'locked'>;
  created: Timestamp;
}

export interface UserTable {
  id: Generated<string>;
  username: string;
  password_hash: string;
  firstname: string;
  lastname: string;
  email: string;
  timezone: string | null;
  account_id: string;
  /** The account's domain, repeated so that a user name is unique in a domain. */
  domain_id: string;
  state: Generated<'enabled' | 'disabled' | 'locked'>;
  api_key: string | null;
  secret_key: string | null;
  created: Timestamp;
}

export interface SessionTable {
  /** SHA-256 of the cookie, hexadecimal: a stolen database opens no session. */
  id: string;
  user_id: string;
  session_key_hash: string;
  created: Timestamp;
  expires: Date;
}

export interface AccountTables {
  domain: DomainTable;
  account: AccountTable;
  cloud_user: UserTable;
  session: SessionTable;
}
