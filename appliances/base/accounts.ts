import type { Account, ImageText } from '../manifest.ts';

/** Accounts of every image. */
export const baseAccounts: readonly Account[] = [
  { name: 'root', id: 0, home: '/root' },
  { name: 'daemon', id: 1, home: '/usr/sbin' },
  { name: 'mail', id: 8, home: '/var/mail' },
  { name: 'nobody', id: 65_534, home: '/nonexistent', group: 'nogroup' },
];

/** Groups that no account is named after: name and number. */
const groups: readonly (readonly [string, number])[] = [
  ['nogroup', 65_534],
  ['tty', 5],
  ['disk', 6],
  ['kmem', 15],
];

/**
 * /etc/passwd, /etc/group and /etc/shadow. Every account is locked: `*` fits no password. Root's shell serves `--debug`
 * images; nobody logs in elsewhere.
 */
export function accountFiles(accounts: readonly Account[]): ImageText[] {
  const own = accounts.filter(({ group }) => group === undefined).map(({ name, id }) => [name, id] as const);
  const all = [...own, ...groups];
  const groupOf = ({ name, group }: Account) => all.find(([candidate]) => candidate === (group ?? name))?.[1];
  const shell = (name: string) => (name === 'root' ? '/bin/sh' : '/usr/sbin/nologin');
  const lines = (rows: readonly string[]) => `${rows.join('\n')}\n`;
  return [
    {
      path: '/etc/passwd',
      text: lines(
        accounts.map((account) => {
          const { name, id, home } = account;
          return `${name}:x:${id}:${groupOf(account) ?? id}::${home}:${shell(name)}`;
        }),
      ),
    },
    { path: '/etc/group', text: lines(all.map(([name, id]) => `${name}:x:${id}:`)) },
    { path: '/etc/shadow', text: lines(accounts.map(({ name }) => `${name}:*:19000:0:99999:7:::`)), mode: 0o600 },
  ];
}
