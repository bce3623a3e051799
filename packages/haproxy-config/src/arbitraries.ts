// For property tests: any value of each model.
import { ipv4FromNumber, ipv4Network } from '@isthmus/net';
import fc from 'fast-check';
import type { GlobalConfig } from './global.ts';
import type { ProxyConfig } from './proxy.ts';
import type { ServerConfig } from './server.ts';
import type { Stickiness } from './stickiness.ts';
import { parseAccountName, parseConfigPath, parseCookieName, parseProxyName } from './values.ts';

const address = fc.integer({ min: 1, max: 0xffffffff }).map(ipv4FromNumber);
const cidr = fc.tuple(address, fc.integer({ min: 0, max: 32 })).map(([inside, length]) => ipv4Network(inside, length));
const port = fc.integer({ min: 1, max: 65_535 });
const time = fc.integer({ min: 1, max: 2_147_483_647 });
const name = fc.stringMatching(/^[A-Za-z0-9._-]{1,20}$/).map(parseProxyName);
const path = fc
  .array(fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,9}$/), { minLength: 1, maxLength: 5 })
  .map((parts) => parseConfigPath(`/${parts.join('/')}`));
/** Every character that a cookie's name may hold, those that HAProxy gives a meaning among them. */
const cookieName = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/).map(parseCookieName);
/** Every character that a path may hold. */
const checkPath = fc.stringMatching(/^\/[!#-[\]-~]{0,60}$/);

const server: fc.Arbitrary<ServerConfig> = fc.record({
  name,
  address,
  port,
  weight: fc.integer({ min: 0, max: 256 }),
  proxyProtocol: fc.boolean(),
  check: fc.option(
    fc.record({ intervalMs: time, rise: fc.integer({ min: 1, max: 100 }), fall: fc.integer({ min: 1, max: 100 }) }),
  ),
});

const table = { size: fc.integer({ min: 1, max: 10_000_000 }), expireMs: time };
const stickiness: fc.Arbitrary<Stickiness> = fc.oneof(
  fc.record({
    kind: fc.constant('cookie'),
    cookieName,
    mode: fc.constantFrom('insert', 'rewrite', 'prefix'),
    noCache: fc.boolean(),
    indirect: fc.boolean(),
    postOnly: fc.boolean(),
    domains: fc.array(fc.stringMatching(/^\.?[a-z0-9][a-z0-9.-]{0,9}$/), { maxLength: 3 }),
    key: fc.stringMatching(/^[a-z0-9-]{1,36}$/),
  }),
  fc.record({
    kind: fc.constant('application-cookie'),
    cookieName,
    length: fc.integer({ min: 1, max: 512 }),
    requestLearn: fc.boolean(),
    pathParameters: fc.boolean(),
    ...table,
  }),
  fc.record({ kind: fc.constant('source'), ...table }),
);

export const proxy: fc.Arbitrary<ProxyConfig> = fc.record({
  name,
  mode: fc.constantFrom('tcp', 'http'),
  address,
  port,
  tls: fc.option(
    fc.record({
      certificateList: path,
      alpn: fc.constantFrom([], ['h2', 'http/1.1'] as const, ['http/1.1'] as const),
    }),
  ),
  maxConnections: fc.integer({ min: 1, max: 10_000_000 }),
  clientTimeoutMs: time,
  serverTimeoutMs: time,
  connectTimeoutMs: time,
  forwardFor: fc.boolean(),
  sources: fc.oneof(fc.array(cidr, { maxLength: 3 }), fc.array(cidr, { minLength: 60, maxLength: 70 })),
  balance: fc.constantFrom('roundrobin', 'leastconn', 'source'),
  stickiness: fc.option(stickiness),
  check: fc.record({ path: fc.option(checkPath), timeoutMs: time }),
  servers: fc.uniqueArray(server, { maxLength: 4, selector: (each) => each.name }),
});

export const global: fc.Arbitrary<GlobalConfig> = fc.record({
  user: fc.stringMatching(/^[a-z_][a-z0-9_-]{0,12}$/).map(parseAccountName),
  group: fc.stringMatching(/^[a-z_][a-z0-9_-]{0,12}$/).map(parseAccountName),
  chroot: path,
  maxConnections: fc.integer({ min: 1, max: 10_000_000 }),
  threads: fc.integer({ min: 1, max: 64 }),
  hardStopAfterMs: time,
  peer: fc.record({ name, address, port }),
});
