// The words that the host agent is started with, and a file of them.
import { readFile } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { parseArgs } from 'node:util';
import { type DriverName, DriverSchema, hostAgentPort, isInstallationId, validator } from '@isthmus/contract';
import { type Ipv4Address, isIpv4Address } from '@isthmus/net';
import type { ListenOptions, RunOptions } from './run.ts';

/** What `--help` prints. */
export const usage = `usage: isthmus host --installation ID [options]
  Runs the host agent of this machine: it carries routers and instances, in namespaces or as VMs.

  --installation ID         the installation that the host belongs to, such as ab12
  --driver DRIVER           namespace (default) or libvirt
  --listen ADDRESS[:PORT]   serves orchestrators of other machines there by mutual TLS; port ${hostAgentPort} by default
  --join TOKEN              joins the installation with the token of addHost, once; needs --listen
  --join-file FILE          the same, from a file, which is removed: so that the token stands in no command line
  --tunnel-address ADDRESS  this host's end of the zone's VXLAN tunnels
  --state DIRECTORY         what outlives a reboot; default /var/lib/isthmus/ID
  --console-proxy FILE      what console proxies in namespaces run; default: the program that came with this one
  --run DIRECTORY           what does not, and the socket host-agent.sock; default /run/isthmus/ID
  --config FILE             a JSON object of these options by their names, such as {"installation": "ab12"};
                            options of the command line come first
  --help                    prints this
`;

const names = [
  'installation',
  'driver',
  'listen',
  'join',
  'join-file',
  'tunnel-address',
  'state',
  'run',
  'console-proxy',
] as const;
type Name = (typeof names)[number];
type Words = Partial<Record<Name, string>>;

const driverValidator = validator(DriverSchema);

/** Reads the command line. Throws with the option, its value and what was expected. */
export async function readOptions(args: readonly string[]): Promise<RunOptions | 'help'> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...{ installation: text, driver: text, listen: text, join: text, 'join-file': text },
      ...{ 'tunnel-address': text, state: text, run: text, config: text, 'console-proxy': text },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return 'help';
  const { config, help: _help, ...words } = values;
  return optionsOf({ ...(config === undefined ? {} : await readConfig(config)), ...words });
}

async function readConfig(path: string): Promise<Words> {
  const content = await readFile(path, 'utf8');
  const value = parsed(content);
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject) throw new Error(`--config ${path}: expected a JSON object`);
  const known: readonly string[] = names;
  for (const [name, word] of Object.entries(value)) {
    if (!known.includes(name)) throw new Error(`--config ${path}: ${name}: expected one of ${names.join(', ')}`);
    if (typeof word !== 'string') throw new Error(`--config ${path}: ${name}: expected a text`);
  }
  return value as Words;
}

function parsed(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return null;
  }
}

function optionsOf(words: Words): RunOptions {
  const { installation = '', listen, 'tunnel-address': tunnelAddress } = words;
  if (!isInstallationId(installation)) {
    const expected = 'expected a letter and three letters or digits, and not if and a digit';
    throw new Error(`--installation ${JSON.stringify(installation)}: ${expected}`);
  }
  const { state = `/var/lib/isthmus/${installation}`, run = `/run/isthmus/${installation}` } = words;
  for (const [name, path] of Object.entries({ state, run })) {
    if (!isAbsolute(path)) throw new Error(`--${name} ${JSON.stringify(path)}: expected an absolute path`);
  }
  const { 'console-proxy': consoleProxyProgram } = words;
  if (consoleProxyProgram !== undefined && !isAbsolute(consoleProxyProgram)) {
    throw new Error(`--console-proxy ${JSON.stringify(consoleProxyProgram)}: expected an absolute path`);
  }
  const program = consoleProxyProgram === undefined ? {} : { consoleProxyProgram };
  const driver = driverOf(words.driver ?? 'namespace');
  const where = listen === undefined ? {} : { listen: listenOf(listen) };
  const tunnel = tunnelAddress === undefined ? {} : { tunnelAddress: addressOf('tunnel-address', tunnelAddress) };
  const { join, 'join-file': joinFile } = words;
  if ((join !== undefined || joinFile !== undefined) && listen === undefined) {
    throw new Error('--join: expected --listen ADDRESS with it');
  }
  const token = { ...(join === undefined ? {} : { joinToken: join }), ...(joinFile === undefined ? {} : { joinFile }) };
  return { installation, state, run, driver, ...where, ...tunnel, ...token, ...program };
}

function driverOf(text: string): DriverName {
  if (driverValidator.check(text)) return text;
  throw new Error(`--driver ${JSON.stringify(text)}: expected namespace or libvirt`);
}

function addressOf(name: string, text: string): Ipv4Address {
  if (isIpv4Address(text)) return text;
  throw new Error(`--${name} ${JSON.stringify(text)}: expected an IPv4 address of this host`);
}

function listenOf(text: string): ListenOptions {
  const [address = '', port = String(hostAgentPort), ...rest] = text.split(':');
  if (rest.length > 0 || !/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    throw new Error(`--listen ${JSON.stringify(text)}: expected ADDRESS or ADDRESS:PORT`);
  }
  return { address: addressOf('listen', address), port: Number(port) };
}
