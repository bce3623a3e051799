// The settings of health checks and diagnostics: CloudStack's names and defaults, but where the description says more.

interface HealthSetting {
  readonly category: 'Advanced';
  readonly defaultValue: string;
  readonly description: string;
  readonly type: 'String' | 'Boolean' | 'Number';
  readonly expected?: { readonly words: string; readonly fits: (value: string) => boolean };
}

const advanced = (
  type: HealthSetting['type'],
  defaultValue: string,
  description: string,
  expected?: HealthSetting['expected'],
): HealthSetting => ({
  category: 'Advanced',
  type,
  defaultValue,
  description,
  ...(type === 'Number' && { expected: atLeast(0) }),
  ...(expected && { expected }),
});

const listOfChecks = {
  words: 'names of health checks, comma-separated',
  fits: (value: string) => value.split(',').every((name) => /^ *[A-Za-z0-9._]{0,64} *$/.test(name)),
};
const link = {
  words: 'a URL such as https://cloud.example.org/client/api',
  fits: (value: string) => /^https?:\/\/[^\s<>"'@]+$/.test(value) && URL.canParse(value),
};
const atLeast = (min: number) => ({
  words: `a whole number of at least ${min}`,
  fits: (value: string) => Number(value) >= min,
});

/** Settings that are part of every router's document: `router.health.checks.` and this name. */
export const routerCheckSettings = {
  enabled: advanced('Boolean', 'true', 'Routers carry out health checks, and their results are fetched'),
  'basic.interval': advanced('Number', '3', 'Minutes between two rounds of basic health checks of a router; 0: none'),
  'advanced.interval': advanced('Number', '10', 'Minutes between two rounds of advanced health checks; 0: none'),
  'to.exclude': advanced(
    'String',
    '',
    'Health checks that are not carried out, by name, comma-separated',
    listOfChecks,
  ),
  'free.disk.space.threshold': advanced(
    'Number',
    '100',
    'Free MiB on the disk of a router below which it is unhealthy',
  ),
  'max.cpu.usage.threshold': advanced(
    'Number',
    '100',
    'Percent of a processor in use above which a router is unhealthy',
  ),
  'max.memory.usage.threshold': advanced('Number', '100', 'Percent of memory in use above which a router is unhealthy'),
  'max.conntrack.usage.threshold': advanced(
    'Number',
    '90',
    'Percent of the connection tracking table in use above which a router is unhealthy',
  ),
} as const satisfies Readonly<Record<string, HealthSetting>>;

export const routerCheckPrefix = 'router.health.checks.';

/** The name of a setting of `routerCheckSettings`. */
export type RouterCheckSetting = keyof typeof routerCheckSettings;

/** All of them by their full names. */
export const healthSettings: Readonly<Record<string, HealthSetting>> = {
  ...Object.fromEntries(
    Object.entries(routerCheckSettings).map(([name, setting]) => [`${routerCheckPrefix}${name}`, setting]),
  ),
  'router.health.checks.results.fetch.interval': advanced(
    'Number',
    '10',
    'Minutes between two fetches of the results of health checks; 0: none',
  ),
  'router.health.checks.failures.to.recreate.vr': advanced(
    'String',
    '',
    'Health checks whose repeated failure has a router replaced, by name, comma-separated; empty: none',
    listOfChecks,
  ),
  'router.health.checks.failures.to.recreate.vr.count': advanced(
    'Number',
    '3',
    'Rounds in a row that such a check fails before the router is replaced',
    atLeast(1),
  ),
  'alert.purge.delay': advanced('Number', '90', 'Days after which an alert is forgotten; 0: never'),
  'diagnostics.data.max.file.age': advanced(
    'Number',
    '14400',
    'Seconds after which the link of getDiagnosticsData ends and its bundle is removed',
    atLeast(1),
  ),
  'endpoint.url': advanced(
    'String',
    '',
    'URL by which clients reach this API, such as https://cloud.example.org/client/api, for links; empty: where it listens',
    link,
  ),
};

/** True where a change of the setting changes the document of every router. */
export function isRouterCheckSetting(name: string): boolean {
  return name.startsWith(routerCheckPrefix) && Object.hasOwn(routerCheckSettings, name.slice(routerCheckPrefix.length));
}

/** The names of a comma-separated list of checks, in lower case. */
export function checkNames(list: string): string[] {
  const names = list.toLowerCase().split(',');
  return [...new Set(names.map((name) => name.trim()).filter((name) => /^[a-z0-9._]{1,64}$/.test(name)))];
}
