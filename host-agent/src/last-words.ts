// What a machine that does not come up said last.
import type { MachineState } from './machines.ts';

/**
 * What `read` gives, the last lines on the console of a machine in state Error, or of one whose agent has not answered since it was made
 * (`isNew`), as reports have them; nothing where there are none.
 */
export async function lastWords(
  read: () => Promise<string>,
  { state }: MachineState,
  isNew = false,
): Promise<{ serialConsole?: string }> {
  if (state !== 'Error' && !isNew) return {};
  const serialConsole = await read().catch(() => '');
  return serialConsole === '' ? {} : { serialConsole };
}
