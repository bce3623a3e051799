// Stickiness policies: CloudStack's methods and their parameters (Network.Capability.SupportedStickinessMethods).
import type { LoadBalancerRule } from '@isthmus/contract';
import { parameterError } from './api-error.ts';

/** A name and a value of the API's map `param`. */
export interface StickinessParameter {
  readonly name: string;
  readonly value: string;
}

export const stickinessMethods = ['LbCookie', 'AppCookie', 'SourceBased'] as const;
/** CloudStack's name of a way to stay with an instance. */
export type StickinessMethod = (typeof stickinessMethods)[number];
/** Stickiness as the router's document has it. */
export type StickinessEntry = NonNullable<LoadBalancerRule['stickiness']>;

/** A stickiness policy as a rule's row holds it. */
export interface StickinessPolicy {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly methodname: StickinessMethod;
  readonly params: readonly StickinessParameter[];
  /** What it comes to in the router's document. */
  readonly entry: StickinessEntry;
}

interface Described {
  readonly description: string;
  readonly isFlag?: true;
}

/** Every parameter of every method. */
export const stickinessParameters: Readonly<Record<StickinessMethod, Readonly<Record<string, Described>>>> = {
  LbCookie: {
    'cookie-name': { description: 'Name of the cookie; by default one made of the id of the rule' },
    mode: {
      description:
        'insert (the default): the load balancer sets the cookie; rewrite, prefix: it changes one that the server sets',
    },
    nocache: { description: 'Answers in which the cookie is set may not be cached', isFlag: true },
    indirect: {
      description: 'The cookie is not shown to the server, and not set where the client has it',
      isFlag: true,
    },
    postonly: { description: 'The cookie is set in answers to POST alone', isFlag: true },
    domain: { description: 'Domain of the cookie; may be given several times' },
  },
  AppCookie: {
    'cookie-name': { description: "Name of the application's cookie; required" },
    length: { description: "Characters of the cookie's value that count; 52 by default" },
    holdtime: {
      description: 'Time after which an unused cookie is forgotten, such as 20s, 30m, 4h or 5d; 3h by default',
    },
    'request-learn': { description: 'Cookies of requests are learnt too, not of answers alone', isFlag: true },
    prefix: { description: 'Must be false: cookie-name is the whole name of the cookie', isFlag: true },
    mode: { description: 'path-parameters (the default): the cookie is also looked for in parameters of the path' },
  },
  SourceBased: {
    tablesize: { description: 'Most clients that are remembered, such as 200k or 1m; 200k by default' },
    expire: { description: 'Time after which a silent client is forgotten, such as 20s, 30m, 4h or 5d; 3h by default' },
  },
};

const milliseconds = { '': 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const sizes = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 } as const;
/** The contract's limits: HAProxy's largest time, and entries of a table. */
const longestMs = 2_073_600_000;
const mostEntries = 10_000_000;
const mostDomains = 8;
const defaultHoldMs = 3 * milliseconds.h;
const defaultEntries = 200 * sizes.k;
const defaultLength = 52;
const cookieNamePattern = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/;
const domainPattern = /^\.?[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/;

function refused(name: string, value: string | undefined, expected: string) {
  return parameterError(`param ${name}`, value ?? null, expected);
}

function scaled(name: string, text: string, units: Readonly<Record<string, number>>, most: number, expected: string) {
  const [, digits = '', unit = ''] = /^(\d{1,10})([a-z]?)$/.exec(text.toLowerCase()) ?? [];
  const number = digits === '' ? Number.NaN : Number(digits) * (units[unit] ?? Number.NaN);
  if (!(number >= 1 && number <= most)) throw refused(name, text, expected);
  return number;
}

/** The parameters of a call as one method reads them. */
class Given {
  readonly #values: readonly StickinessParameter[];

  constructor(values: readonly StickinessParameter[]) {
    this.#values = values;
  }

  all(name: string): string[] {
    return this.#values.filter((each) => each.name === name).map(({ value }) => value);
  }

  text(name: string): string | undefined {
    const [value, ...others] = this.all(name);
    if (others.length > 0) throw refused(name, others[0], 'to be given once');
    return value;
  }

  /** As the field: naming a flag sets it, unless its value is false. */
  flag(name: string): boolean {
    const value = this.text(name);
    if (value === undefined || value.toLowerCase() === 'false') return false;
    if (value === '' || value.toLowerCase() === 'true') return true;
    throw refused(name, value, 'true or false');
  }

  oneOf<Value extends string>(name: string, values: readonly Value[]): Value | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const found = values.find((value) => value === text.toLowerCase());
    if (found === undefined) throw refused(name, text, `one of ${values.join(', ')}`);
    return found;
  }

  cookieName(): string | undefined {
    const text = this.text('cookie-name');
    if (text !== undefined && !cookieNamePattern.test(text)) {
      throw refused('cookie-name', text, 'the name of a cookie: 1 to 64 characters of a token (RFC 6265)');
    }
    return text;
  }

  durationMs(name: string): number {
    const text = this.text(name);
    if (text === undefined) return defaultHoldMs;
    return scaled(name, text, milliseconds, longestMs, 'a time such as 20s, 30m, 4h or 5d, of at most 24 days');
  }

  length(): number {
    const text = this.text('length');
    if (text === undefined) return defaultLength;
    return scaled('length', text, { '': 1 }, 512, 'a whole number from 1 to 512');
  }

  entries(): number {
    const text = this.text('tablesize');
    if (text === undefined) return defaultEntries;
    return scaled('tablesize', text, sizes, mostEntries, 'a number of entries such as 200k or 1m, of at most 10000000');
  }

  domains(): string[] {
    const domains = this.all('domain');
    for (const domain of domains) {
      if (!domainPattern.test(domain))
        throw refused('domain', domain, 'a domain name such as example.org or .example.org');
    }
    if (domains.length > mostDomains) throw refused('domain', domains[mostDomains], `at most ${mostDomains} domains`);
    return domains;
  }
}

const entries: Readonly<Record<StickinessMethod, (given: Given, ruleId: string) => StickinessEntry>> = {
  LbCookie: (given, ruleId) => {
    const mode = given.oneOf('mode', ['insert', 'rewrite', 'prefix']) ?? 'insert';
    const name = given.cookieName();
    if (name === undefined && mode !== 'insert') {
      throw refused('cookie-name', undefined, `the name of the cookie that the server sets, with mode ${mode}`);
    }
    const indirect = given.flag('indirect');
    if (indirect && mode === 'rewrite') {
      throw refused('indirect', 'true', "false with mode rewrite, since the cookie is the server's own");
    }
    return {
      method: 'lb-cookie',
      // Cookies do not tell ports apart: two rules of one address need two names.
      cookieName: name ?? `lbcookie-${ruleId.slice(0, 8)}`,
      mode,
      noCache: given.flag('nocache'),
      indirect,
      postOnly: given.flag('postonly'),
      domains: given.domains(),
    };
  },
  AppCookie: (given) => {
    const cookieName = given.cookieName();
    if (cookieName === undefined) throw refused('cookie-name', undefined, "the name of the application's cookie");
    given.oneOf('mode', ['path-parameters']);
    if (given.flag('prefix')) throw refused('prefix', 'true', 'false: cookie-name is the whole name of the cookie');
    return {
      method: 'app-cookie',
      cookieName,
      length: given.length(),
      expireMs: given.durationMs('holdtime'),
      tableSize: defaultEntries,
      requestLearn: given.flag('request-learn'),
      prefix: false,
      pathParameters: true,
    };
  },
  SourceBased: (given) => ({ method: 'source', expireMs: given.durationMs('expire'), tableSize: given.entries() }),
};

/** The pairs of the API's map: `param[0].name=…&param[0].value=…`. Throws 431 where one has no name. */
export function stickinessPairs(objects: readonly Readonly<Record<string, string>>[]): StickinessParameter[] {
  return objects.map(({ name, value = '', ...others }) => {
    const [other] = Object.keys(others);
    if (name === undefined || other !== undefined) {
      throw parameterError('param', other ?? '', 'param[n].name and param[n].value');
    }
    return { name: name.toLowerCase(), value };
  });
}

/** What a policy comes to. Throws 431 for a parameter that its method does not have, or whose value is none of its. */
export function stickinessEntry(
  method: StickinessMethod,
  params: readonly StickinessParameter[],
  ruleId: string,
): StickinessEntry {
  const known = Object.keys(stickinessParameters[method]);
  const unknown = params.find(({ name }) => !known.includes(name));
  if (unknown !== undefined) {
    throw parameterError('param', unknown.name, `parameters of ${method}: ${known.join(', ')}`);
  }
  return entries[method](new Given(params), ruleId);
}

const methodDescriptions: Readonly<Record<StickinessMethod, string>> = {
  LbCookie: 'A client stays with its instance by a cookie of the load balancer; HTTP alone',
  AppCookie: 'A client stays with its instance by a cookie of the application; HTTP alone',
  SourceBased: 'A client stays with its instance by its address',
};

/** Value of the capability SupportedStickinessMethods: JSON, as clients read it. */
export function supportedStickinessMethods(): string {
  return JSON.stringify(
    stickinessMethods.map((methodname) => ({
      methodname,
      paramlist: Object.entries(stickinessParameters[methodname]).map(([paramname, { description, isFlag }]) => ({
        paramname,
        required: methodname === 'AppCookie' && paramname === 'cookie-name',
        isflag: isFlag === true,
        description,
      })),
      description: methodDescriptions[methodname],
    })),
  );
}
