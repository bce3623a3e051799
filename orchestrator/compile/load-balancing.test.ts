import { parseIpv4Address } from '@isthmus/net';
import test from 'ava';
import { compileLoadBalancerMember, compileLoadBalancerRule, type LoadBalancerRow } from './load-balancing.ts';

const row: LoadBalancerRow = {
  publicAddress: parseIpv4Address('203.0.113.10'),
  publicPort: 80,
  privatePort: 8080,
  protocol: 'tcp',
  algorithm: 'roundrobin',
  cidrList: '',
  certificateIds: [],
  stickiness: null,
  healthCheck: null,
  maxConnections: null,
  clientTimeoutMs: null,
  serverTimeoutMs: null,
  connectTimeoutMs: null,
  state: 'Add',
};
const lbCookie: NonNullable<LoadBalancerRow['stickiness']> = {
  method: 'lb-cookie',
  cookieName: 'S',
  mode: 'insert',
  noCache: false,
  indirect: false,
  postOnly: false,
  domains: [],
};

test('a rule balances connections, with the field’s timeouts and a check of each member', (t) => {
  t.deepEqual(compileLoadBalancerRule(row), {
    publicAddress: row.publicAddress,
    publicPort: 80,
    privatePort: 8080,
    protocol: 'tcp',
    isHttp: false,
    algorithm: 'roundrobin',
    sources: [],
    certificates: [],
    healthCheck: { intervalMs: 2_000, timeoutMs: 2_000, healthyThreshold: 2, unhealthyThreshold: 3 },
    clientTimeoutMs: 50_000,
    serverTimeoutMs: 50_000,
    connectTimeoutMs: 5_000,
  });
});

test('what a rule sets is what its entry has', (t) => {
  const set = compileLoadBalancerRule({
    ...row,
    cidrList: '192.0.2.0/24, 198.51.100.0/24',
    maxConnections: 7,
    clientTimeoutMs: 1,
    serverTimeoutMs: 2,
    connectTimeoutMs: 3,
    healthCheck: { pingpath: '/up', intervaltime: 9, responsetimeout: 4, healthythreshold: 1, unhealthythreshold: 2 },
  });
  t.like(set, {
    maxConnections: 7,
    clientTimeoutMs: 1,
    serverTimeoutMs: 2,
    connectTimeoutMs: 3,
    healthCheck: { path: '/up', intervalMs: 9_000, timeoutMs: 4_000, healthyThreshold: 1, unhealthyThreshold: 2 },
    isHttp: false,
  });
  t.deepEqual(set?.sources.map(String), ['192.0.2.0/24', '198.51.100.0/24']);
});

test('requests are balanced where a cookie decides or TLS ends', (t) => {
  t.like(compileLoadBalancerRule({ ...row, stickiness: lbCookie }), { isHttp: true, stickiness: lbCookie });
  t.like(compileLoadBalancerRule({ ...row, stickiness: { method: 'source', expireMs: 1, tableSize: 1 } }), {
    isHttp: false,
  });
  t.like(compileLoadBalancerRule({ ...row, protocol: 'ssl', certificateIds: ['a', 'b'] }), {
    isHttp: true,
    certificates: ['a', 'b'],
  });
});

test('UDP is not checked', (t) => {
  t.false('healthCheck' in (compileLoadBalancerRule({ ...row, protocol: 'udp' }) ?? {}));
});

test('TLS without a certificate is not served, nor what is wanted gone, and members go with their rule', (t) => {
  const address = parseIpv4Address('10.1.1.2');
  const member = (rule: LoadBalancerRow, state: 'Add' | 'Revoke' = 'Add') =>
    compileLoadBalancerMember({ ruleId: 'r', address, state, rule });
  t.deepEqual(member(row), { rule: 'r', address });
  t.is(member(row, 'Revoke'), null);
  for (const gone of [
    { ...row, protocol: 'ssl' },
    { ...row, state: 'Revoke' },
  ] as const) {
    t.is(compileLoadBalancerRule(gone), null);
    t.is(member(gone), null);
  }
});
