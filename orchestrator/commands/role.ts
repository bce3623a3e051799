// CloudStack's built-in roles, one for each type of account.
import type { AccountType } from '../store/schema.ts';

/** A role as answers tell it. */
export interface BuiltInRole {
  readonly id: string;
  readonly name: string;
  readonly type: 'Admin' | 'DomainAdmin' | 'User';
  readonly accountType: AccountType;
}

/** The three roles; their ids are the same in every installation. */
export const builtInRoles: readonly BuiltInRole[] = [
  { id: '5f0b6b3c-0f4e-4a6f-9d51-6d0f5b5e0001', name: 'Root Admin', type: 'Admin', accountType: 1 },
  { id: '5f0b6b3c-0f4e-4a6f-9d51-6d0f5b5e0002', name: 'Domain Admin', type: 'DomainAdmin', accountType: 2 },
  { id: '5f0b6b3c-0f4e-4a6f-9d51-6d0f5b5e0003', name: 'User', type: 'User', accountType: 0 },
];

/** The fields of an account's or user's role. */
export function roleFields(type: AccountType): { roleid?: string; roletype?: string; rolename?: string } {
  const role = builtInRoles.find(({ accountType }) => accountType === type);
  return role === undefined ? {} : { roleid: role.id, roletype: role.type, rolename: role.name };
}
