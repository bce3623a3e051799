// A guest with a fixed address, for benchmarks that are not about leases.
import { waitFor } from '../lab/index.ts';
import { guestAddress, settings } from '../lab/router-document.ts';
import type { RouterUnderTest } from './router-under-test.ts';

/** Gives the guest its address and its default route by the router. */
export async function configureGuest({ wires }: RouterUnderTest): Promise<void> {
  const lines = [`address add ${guestAddress}/16 dev eth0`, `route add default via ${settings.dhcp.router}`];
  await wires.guest.commands.run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** Starts a server in the guest that says `sign` once it serves. It ends with the lab. */
export async function startInGuest(
  { lab, wires }: RouterUnderTest,
  file: string,
  args: readonly string[],
  sign: string,
): Promise<void> {
  const { logPath } = await lab.startDaemon(wires.guest, file, args);
  await waitFor(`${file} serves`, async () => (await lab.machine.files.readTextIfExists(logPath))?.includes(sign));
}
