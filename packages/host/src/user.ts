import { readFile } from 'node:fs/promises';

/**
 * The words that run a command as `user` with that user's groups (setpriv(1)). Throws where /etc/passwd has no such user.
 */
export async function asUser(user: string, file: string, args: readonly string[]): Promise<string[]> {
  const accounts = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const account = accounts.find(([name]) => name === user);
  if (account === undefined) throw new Error(`user ${JSON.stringify(user)}: expected one that /etc/passwd names`);
  const [, , uid, gid] = account;
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--init-groups', '--', file, ...args];
}
