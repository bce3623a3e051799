// The origins of the pages of consoles: where this installation serves them, and who else may open and frame them.

import { consoleSetting } from './console-proxy.ts';
import type { Db, Trx } from './database.ts';

const listeningPrefix = 'console.listening.';

/** Writes down where the API of the orchestrator `holder` listens, such as `http://127.0.0.1:8080`. */
export async function noteConsoleOrigin(db: Db | Trx, holder: string, origin: string): Promise<void> {
  await db
    .insertInto('configuration')
    .values({ name: `${listeningPrefix}${holder}`, value: origin })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: origin }))
    .execute();
}

/** `page`: where links to consoles lead; null before any orchestrator listened. `all`: every origin that is heeded, that one first. */
export interface ConsoleOrigins {
  readonly page: string | null;
  readonly all: readonly string[];
}

/** Setting console.origin, else where orchestrators listen (that of `holder` first), and then console.allowed.origins. */
export async function consoleOrigins(db: Db | Trx, holder?: string): Promise<ConsoleOrigins> {
  const named = await consoleSetting(db, 'console.origin');
  const own = named === '' ? await listening(db, holder) : [named];
  const others = (await consoleSetting(db, 'console.allowed.origins')).split(',').map((origin) => origin.trim());
  return { page: own[0] ?? null, all: [...new Set([...own, ...others])].filter((origin) => origin !== '') };
}

async function listening(db: Db | Trx, holder: string | undefined): Promise<string[]> {
  const rows = await db
    .selectFrom('configuration')
    .select(['name', 'value'])
    .where('name', 'like', `${listeningPrefix}%`)
    .orderBy('name')
    .execute();
  const isOwn = ({ name }: { readonly name: string }) => name === `${listeningPrefix}${holder ?? ''}`;
  const ordered = [...rows.filter(isOwn), ...rows.filter((row) => !isOwn(row))];
  return ordered.flatMap(({ value }) => (value === null ? [] : [value]));
}
