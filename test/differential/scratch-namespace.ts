// Network namespaces that tests make for themselves, and take away however the test ends.
import { randomBytes } from 'node:crypto';
import { type CommandRunner, createHost, createNamespaceHost } from '@isthmus/host';
import type { ExecutionContext } from 'ava';

const host = createHost();

/** Runs commands inside one namespace. */
export interface ScratchNamespace {
  readonly name: string;
  readonly commands: CommandRunner;
}

/** Makes an empty network namespace under a name of its own, with loopback up; it goes when the test ends. */
export async function scratchNamespace(t: ExecutionContext, what: string): Promise<ScratchNamespace> {
  const name = `diff-${what}-${process.pid}-${randomBytes(3).toString('hex')}`;
  await host.commands.run('ip', ['netns', 'add', name]);
  t.teardown(async () => {
    await host.commands.run('ip', ['netns', 'del', name]);
  });
  await host.commands.run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  return { name, commands: createNamespaceHost(host, name).commands };
}

/** One end of a cable: `address` with its prefix length, where it has one. */
export interface CableEnd {
  readonly namespace: ScratchNamespace;
  readonly name: string;
  readonly address?: string;
}

/** A veth pair between two namespaces, both ends up. */
export async function connect(a: CableEnd, b: CableEnd): Promise<void> {
  const peer = ['peer', 'name', b.name, 'netns', b.namespace.name];
  await host.commands.run('ip', ['-n', a.namespace.name, 'link', 'add', a.name, 'type', 'veth', ...peer]);
  for (const { namespace, name, address } of [a, b]) {
    if (address !== undefined)
      await host.commands.run('ip', ['-n', namespace.name, 'addr', 'add', address, 'dev', name]);
    await host.commands.run('ip', ['-n', namespace.name, 'link', 'set', name, 'up']);
  }
}
