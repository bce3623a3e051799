// The public NIC as the document has it: one address, one default route, and nothing that it had before.
import { type ConsoleProxyDocument, consolePublicInterface } from '@isthmus/contract';
import type { Host } from '@isthmus/host';

/** What ip(8) says of the NIC, and of the default routes of the machine. */
export interface FoundNetwork {
  readonly isUp: boolean;
  /** IPv4 addresses with their prefix length, such as `192.0.2.1/24`. */
  readonly addresses: readonly string[];
  readonly defaultRoutes: readonly { readonly gateway?: string; readonly dev: string }[];
}

type Wanted = Pick<ConsoleProxyDocument, 'publicAddress' | 'prefixLength' | 'gateway'>;

/** Lines of `ip -batch` that add what is wanted and absent. */
export function addingLines(found: FoundNetwork, { publicAddress, prefixLength, gateway }: Wanted): string[] {
  const own = `${publicAddress}/${prefixLength}`;
  const hasRoute = found.defaultRoutes.some((route) => isWanted(route, gateway));
  return [
    ...(found.addresses.includes(own) ? [] : [`address add ${own} dev ${consolePublicInterface}`]),
    ...(found.isUp ? [] : [`link set dev ${consolePublicInterface} up`]),
    // Replaces one of the same metric by another gateway.
    ...(hasRoute && found.isUp ? [] : [`route replace default via ${gateway} dev ${consolePublicInterface}`]),
  ];
}

/** Lines of `ip -batch` that take away what is there and not wanted. */
export function removingLines(found: FoundNetwork, { publicAddress, prefixLength, gateway }: Wanted): string[] {
  const own = `${publicAddress}/${prefixLength}`;
  return [
    ...found.addresses
      .filter((address) => address !== own)
      .map((address) => `address del ${address} dev ${consolePublicInterface}`),
    ...found.defaultRoutes
      .filter((route) => !isWanted(route, gateway))
      .map(({ gateway: via, dev }) => `route del default ${via === undefined ? '' : `via ${via} `}dev ${dev}`),
  ];
}

function isWanted(route: FoundNetwork['defaultRoutes'][number], gateway: string): boolean {
  return route.gateway === gateway && route.dev === consolePublicInterface;
}

/** An entry of `ip -json address show`. */
interface AddressJson {
  readonly flags: readonly string[];
  readonly addr_info: readonly { readonly family: string; readonly local: string; readonly prefixlen: number }[];
}

async function look({ commands }: Pick<Host, 'commands'>): Promise<FoundNetwork> {
  const [nic, routes] = await Promise.all([
    commands.run('ip', ['-json', '-4', 'address', 'show', 'dev', consolePublicInterface]),
    commands.run('ip', ['-json', '-4', 'route', 'show', 'default']),
  ]);
  const [found] = JSON.parse(nic.stdout) as AddressJson[];
  return {
    isUp: found?.flags.includes('UP') ?? false,
    addresses: found?.addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`) ?? [],
    defaultRoutes: JSON.parse(routes.stdout || '[]') as FoundNetwork['defaultRoutes'],
  };
}

async function run({ commands }: Pick<Host, 'commands'>, lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await commands.run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** Adds the document's address and route; what was there before stays. Throws CommandError. */
export async function addNetwork(host: Host, wanted: Wanted): Promise<void> {
  const found = await look(host);
  await run(host, addingLines(found, wanted));
  if (!found.addresses.includes(`${wanted.publicAddress}/${wanted.prefixLength}`)) void announce(host, wanted);
}

/** Takes away every other address and default route. Throws CommandError, and Error where the kernel has something else then. */
export async function tidyNetwork(host: Host, wanted: Wanted): Promise<void> {
  await run(host, removingLines(await look(host), wanted));
  // With an address go the routes that the kernel derived from it.
  await run(host, addingLines(await look(host), wanted));
  const found = await look(host);
  const left = [...addingLines(found, wanted), ...removingLines(found, wanted)];
  if (left.length > 0) throw new Error(`${consolePublicInterface} is not as the document has it: ${left.join('; ')}`);
}

/** Tells the neighbours, who may know the address of the proxy before this one. */
async function announce({ commands, log }: Host, { publicAddress }: Wanted): Promise<void> {
  const words = ['-q', '-U', '-c', '2', '-w', '2', '-I', consolePublicInterface, publicAddress];
  await commands.run('arping', words, { okCodes: [0, 1] }).catch((error: unknown) => {
    log.info('the address could not be announced', { error });
  });
}
