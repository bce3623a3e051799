// The heap of a service that has loaded its program: Node begins from it, and neither reads, compiles nor runs the bundle.
import { CommandError, type Host } from '@isthmus/host';
import { ImageBuildError } from '../image-build-error.ts';

/** The only process of a process namespace, at fixed addresses, without an environment: all three leave traces. */
const alone = ['--pid', '--fork', '--kill-child', '--', 'setarch', '-R'];
const bare = ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'chroot'];

/**
 * The same bytes in each build: seeds of tables, sizes of the heap, no threads that collect garbage, no warnings that name
 * a process. All functions are compiled, and stay so: what is compiled here is not compiled at each boot.
 */
const flags = [
  ...['--random-seed=1', '--hash-seed=1', '--single-threaded', '--no-warnings'],
  ...['--max-old-space-size=256', '--max-semi-space-size=16'],
  ...['--no-lazy', '--no-flush-bytecode'],
];

/**
 * Runs `bundle` by `node` in `root` until it is loaded, and writes the snapshot to `blob`; paths within `root`. Node takes
 * a new hash seed when it begins from it.
 */
export async function writeSnapshot(
  host: Host,
  root: string,
  { node, bundle, blob }: { readonly node: string; readonly bundle: string; readonly blob: string },
): Promise<void> {
  const words = [root, node, ...flags, '--snapshot-blob', blob, '--build-snapshot', bundle];
  try {
    await host.commands.run('unshare', [...alone, ...bare, ...words], { timeoutMs: 60_000 });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const reason = error.stderr.trim().split('\n').slice(0, 6).join('\n  ');
    throw new ImageBuildError(`no snapshot of ${bundle} could be taken:\n  ${reason}`, { cause: error });
  }
}
