// Each dnsmasq process takes one inotify instance, of which Linux grants 128 to all processes of a user on a machine: too few
// for a machine that carries many routers as namespaces.
import type { Host } from '@isthmus/host';

const limitPath = '/proc/sys/fs/inotify/max_user_instances';
/** A hundred bytes of the kernel's memory for each that is in use. */
const enough = 16_384;

/** Raises the machine's limit where it is lower. Where that is refused, dnsmasq says so itself when it starts one too many. */
export async function grantInotifyInstances({ files, commands, log }: Host): Promise<void> {
  const limit = Number(await files.readTextIfExists(limitPath));
  if (limit >= enough) return;
  const { exitCode, stderr } = await commands.run('sysctl', ['-qw', `fs.inotify.max_user_instances=${enough}`], {
    okCodes: [0, 1, 255],
  });
  if (exitCode !== 0) log.warn('the limit of inotify instances stays', { limit, stderr });
}
