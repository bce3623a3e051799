// What a VM that does not come up said last.
import type { Driver } from './drivers/driver.ts';
import type { MachineState } from './machines.ts';

/**
 * The serial console's last lines of a machine in state Error, or of one whose agent has not answered since it was made
 * (`isNew`), as reports have them; nothing where there are none.
 */
export async function lastWords(
  driver: Driver,
  kind: 'appliance' | 'instance',
  id: string,
  { state }: MachineState,
  isNew = false,
): Promise<{ serialConsole?: string }> {
  if (state !== 'Error' && !isNew) return {};
  const serialConsole = await driver.serialTail(kind, id).catch(() => '');
  return serialConsole === '' ? {} : { serialConsole };
}
