import { isIpv4Cidr, isIpv6Cidr } from '@isthmus/net';
import { consoleSettings } from '../model/console-settings.ts';
import { useExternalDns } from '../model/dns-settings.ts';
import { healthSettings } from '../model/health-settings.ts';
import { allocators } from '../model/placement.ts';
import type { Db, Trx } from '../store/database.ts';

const allocatorNames = allocators.map(({ name }) => name);

/** A setting of the installation: what listConfigurations tells of it besides its value. */
export interface Setting {
  /** CloudStack's group of the setting. */
  readonly category: 'Advanced' | 'Network' | 'System' | 'Secure';
  readonly defaultValue: string;
  readonly description: string;
  readonly type: 'String' | 'Boolean' | 'Number';
  /** The only values that it may have. */
  readonly values?: readonly string[];
  /** What else its value has to be. */
  readonly expected?: { readonly words: string; readonly fits: (value: string) => boolean };
  /** Takes effect with the next start of the orchestrator alone. */
  readonly needsRestart?: boolean;
}

/** A whole number from `min` to `max`. */
function wholeNumber(min: number, max: number): NonNullable<Setting['expected']> {
  return {
    words: `a whole number from ${min} to ${max}`,
    fits: (value) => Number(value) >= min && Number(value) <= max,
  };
}

/** Every setting by CloudStack's name. A row of table `configuration` overrides the default. */
export const settings: Readonly<Record<string, Setting>> = {
  ...consoleSettings,
  ...healthSettings,
  'default.page.size': {
    category: 'Advanced',
    defaultValue: '500',
    description: 'Most objects in the answer of a list command, and the largest pagesize; -1 for no limit',
    type: 'Number',
  },
  'integration.api.port': {
    category: 'Secure',
    defaultValue: '0',
    description: 'Port on the loopback address where every call is root admin without credentials; 0: off',
    type: 'Number',
    needsRestart: true,
  },
  'session.timeout': {
    category: 'Secure',
    defaultValue: '1800',
    description: 'Seconds without a call after which a session of the web page ends',
    type: 'Number',
  },
  'job.cleanup.minutes': {
    category: 'Advanced',
    defaultValue: '1440',
    description: 'Minutes after which a completed job is forgotten',
    type: 'Number',
  },
  'event.purge.days': {
    category: 'Advanced',
    defaultValue: '90',
    description: 'Days after which an event is forgotten',
    type: 'Number',
  },
  'network.gc.wait': {
    category: 'Network',
    defaultValue: '600',
    description: 'Seconds without a running instance after which a network that is not persistent is shut down',
    type: 'Number',
  },
  'router.allocator': {
    category: 'Advanced',
    defaultValue: 'Spread',
    description: 'How a host is chosen for a router. Spread: as FirstFitByFreeMemory, a redundant pair on two hosts',
    type: 'String',
    values: allocatorNames,
  },
  'vm.allocator': {
    category: 'Advanced',
    defaultValue: 'FirstFitByFreeMemory',
    description: 'How a host is chosen for an instance. FirstFitByFreeMemory: the one with the most free memory',
    type: 'String',
    values: allocatorNames,
  },
  'ping.interval': {
    category: 'Advanced',
    defaultValue: '1',
    description: 'Seconds between two questions to a host agent whether it is there',
    type: 'Number',
  },
  'ping.timeout': {
    category: 'Advanced',
    defaultValue: '5',
    description: 'Multiple of ping.interval without an answer after which a host counts as Disconnected and is fenced',
    type: 'Number',
  },
  'host.join.token.lifetime': {
    category: 'Secure',
    defaultValue: '3600',
    description: 'Seconds within which a host has to join with the token that addHost handed out',
    type: 'Number',
  },
  'ca.framework.cert.validity.period': {
    category: 'Secure',
    defaultValue: '7',
    description: 'Days that a certificate of a host or a router is valid; it is renewed after half of them',
    type: 'Number',
  },
  'ca.framework.orchestrator.cert.validity.hours': {
    category: 'Secure',
    defaultValue: '24',
    description: 'Hours that the certificate of an orchestrator is valid; it is renewed after half of them',
    type: 'Number',
  },
  'router.start.wait': {
    category: 'Network',
    defaultValue: '120',
    description: 'Seconds within which a router in a virtual machine has to serve after it was started',
    type: 'Number',
  },
  [useExternalDns]: {
    category: 'Network',
    defaultValue: 'false',
    description: "True: guests are told of the network's own DNS servers, or the zone's, rather than of their router",
    type: 'Boolean',
  },
  'router.stats.interval': {
    category: 'Advanced',
    defaultValue: '300',
    description: "Seconds between two readings of a router's counters: no more than that is lost with a router",
    type: 'Number',
    expected: wholeNumber(1, 86_400),
  },
  'usage.stats.job.aggregation.range': {
    category: 'Advanced',
    defaultValue: '1440',
    description: 'Minutes that one usage record covers',
    type: 'Number',
    expected: wholeNumber(1, 44_640),
  },
  'metrics.allowed.cidrs': {
    category: 'Secure',
    defaultValue: '127.0.0.0/8,::1/128',
    description: 'Who may read /metrics: CIDRs, comma-separated',
    type: 'String',
    expected: {
      words: 'CIDRs, comma-separated, such as 192.0.2.0/24,2001:db8::/64',
      fits: (value) => value.split(',').every((cidr) => isIpv4Cidr(cidr.trim()) || isIpv6Cidr(cidr.trim())),
    },
  },
  'vm.password.length': {
    category: 'Advanced',
    defaultValue: '12',
    description: 'Characters of a password that is made for an instance',
    type: 'Number',
    expected: wholeNumber(8, 128),
  },
  'vm.userdata.max.length': {
    category: 'Advanced',
    defaultValue: '32768',
    description:
      'Most characters of Base64 that user data may have; a GET carries about 32768 at the most, a POST 1048576',
    type: 'Number',
    expected: wholeNumber(1, 1_048_576),
  },
  'expunge.delay': {
    category: 'Advanced',
    defaultValue: '86400',
    description: 'Seconds after which a destroyed instance is expunged',
    type: 'Number',
  },
};

/** The value of a setting. Throws where no setting has the name, which is a fault of the program. */
export async function readSetting(db: Db | Trx, name: string): Promise<string> {
  const setting = settings[name];
  if (setting === undefined) throw new Error(`setting ${name}: expected one of those that settings.ts lists`);
  const row = await db.selectFrom('configuration').select('value').where('name', '=', name).executeTakeFirst();
  return row?.value ?? setting.defaultValue;
}
