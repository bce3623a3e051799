// What a bundle of diagnostics may hold: findings by commands, and files that services give a name. Nothing else can be
// asked for, so no name leads to a file that is not on the list.
import type { AgentStatus, HealthCheckResult } from '@isthmus/contract';
import { CommandError, type Host } from '@isthmus/host';
import type { DiagnosticFile, RouterService } from '@isthmus/router';

/** What the findings are taken from. */
export interface DiagnosticSources {
  readonly host: Host;
  readonly services: readonly RouterService[];
  readonly version: string;
  status(): Promise<AgentStatus>;
  lastHealth(): Promise<readonly HealthCheckResult[]>;
}

/** A finding: its name in the archive, and what takes it. */
export interface Finding {
  readonly file: string;
  read(sources: DiagnosticSources): Promise<string>;
}

/** Of a file, its last characters; of a command, its first. */
const findingLimit = 1_048_576;
const timeoutMs = 20_000;

/** The output of commands, one after the other, with their failures. */
function byCommands(file: string, ...commands: readonly (readonly string[])[]): Finding {
  return {
    file,
    read: async ({ host }) => {
      let text = '';
      for (const [program = '', ...args] of commands) {
        text += `# ${[program, ...args].join(' ')}\n${await outputOf(host, program, args)}\n`;
      }
      return text;
    },
  };
}

async function outputOf(host: Host, program: string, args: readonly string[]): Promise<string> {
  try {
    return (await host.commands.run(program, args, { timeoutMs, outputLimit: findingLimit })).stdout;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return `${error.stdout}\n${error.message}\n`;
  }
}

/** By the names of CloudStack, which it writes in brackets, and more in the same way. */
const findings: Readonly<Record<string, Finding>> = {
  '[IPTABLES]': byCommands('iptables.txt', ['iptables-save', '-c'], ['ip6tables-save', '-c']),
  '[IPSET]': byCommands('ipset.txt', ['ipset', 'save']),
  '[IFCONFIG]': byCommands('ifconfig.txt', ['ip', '-details', '-statistics', 'address', 'show']),
  '[ROUTE]': byCommands(
    'route.txt',
    ['ip', 'route', 'show', 'table', 'all'],
    ['ip', '-6', 'route', 'show', 'table', 'all'],
    ['ip', 'rule', 'show'],
  ),
  '[ARP]': byCommands('arp.txt', ['ip', 'neighbour', 'show']),
  // How many flows and of what kind, not whose: conntrack -L would tell where every guest is connected to.
  '[CONNTRACK]': byCommands('conntrack.txt', ['conntrack', '-C'], ['conntrack', '-S']),
  '[SOCKETS]': byCommands('sockets.txt', ['ss', '-lntu']),
  '[VERSION]': {
    file: 'version.txt',
    read: async ({ host, version }) => {
      const kernel = await outputOf(host, 'uname', ['-a']);
      const release = (await host.files.readTextIfExists('/etc/os-release')) ?? '';
      return `agent ${version}\nnode ${process.version}\n${kernel}${release}`;
    },
  },
  '[STATUS]': { file: 'status.json', read: async ({ status }) => `${JSON.stringify(await status(), null, 2)}\n` },
  '[HEALTH]': {
    file: 'health.json',
    read: async ({ lastHealth }) => `${JSON.stringify(await lastHealth(), null, 2)}\n`,
  },
};

/** Where CloudStack's routers have them; here a daemon may run several times, each with files of its own. */
const aliases: Readonly<Record<string, RegExp>> = {
  '/etc/dnsmasq.conf': /^dnsmasq.*\.conf$/,
  '/var/lib/misc/dnsmasq.leases': /^dnsmasq.*\.leases$/,
  '/var/log/dnsmasq.log': /^dnsmasq.*\.log$/,
  '/etc/haproxy/haproxy.cfg': /^haproxy.*\.cfg$/,
  '/var/log/haproxy.log': /^haproxy.*\.log$/,
};

function fileFinding({ name, path }: DiagnosticFile): Finding {
  return {
    file: name,
    read: async ({ host }) => {
      const text = (await host.files.readTextIfExists(path)) ?? 'absent\n';
      return text.slice(-findingLimit);
    },
  };
}

function byName(services: readonly RouterService[]): Map<string, Finding> {
  const files = services.flatMap((service) => service.diagnosticFiles?.() ?? []);
  return new Map([
    ...Object.entries(findings),
    ...files.map((file): [string, Finding] => [file.name, fileFinding(file)]),
  ]);
}

/** Names that may be asked for. */
export function findingNames(services: readonly RouterService[]): string[] {
  return [...byName(services).keys()];
}

/** The findings of these names, or all; or the first name that is none. */
export function findingsOf(
  services: readonly RouterService[],
  names: readonly string[],
): { readonly findings: readonly Finding[] } | { readonly unknown: string } {
  const known = byName(services);
  if (names.length === 0) return { findings: [...known.values()] };
  const wanted = new Set<Finding>();
  for (const name of names) {
    const alias = Object.hasOwn(aliases, name) ? aliases[name] : undefined;
    const found = [...known].filter(([each]) => (alias === undefined ? each === name : alias.test(each)));
    if (found.length === 0) return { unknown: name };
    for (const [, finding] of found) wanted.add(finding);
  }
  return { findings: [...wanted] };
}
