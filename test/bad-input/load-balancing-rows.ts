// Bad calls about load balancers, their policies and certificates.
import type { ApiValues } from '@isthmus/api-client';
import {
  encryptedKey,
  type MadeCertificate,
  makeCertificate,
  publicKeyOf,
} from '@isthmus/orchestrator/model/certificate-fixture';
import type { CallerName, World } from './world.ts';

const dayMs = 86_400_000;

/** What the rows speak of: ids of the owner's, and certificates that were uploaded nowhere. */
export interface BalancingSubjects {
  readonly world: World;
  readonly ids: Readonly<Record<'address' | 'rule' | 'udpRule' | 'tlsRule' | 'machine' | 'certificate', string>>;
  readonly good: MadeCertificate;
  readonly other: MadeCertificate;
  readonly authority: MadeCertificate;
  readonly expired: MadeCertificate;
  readonly early: MadeCertificate;
  readonly weak: MadeCertificate;
  readonly dsa: MadeCertificate;
}

/** Certificates of every quality. */
export async function certificatesOfRows() {
  const authority = await makeCertificate({ name: 'authority', isAuthority: true });
  const at = (days: number) => new Date(Date.now() + days * dayMs);
  return {
    authority,
    good: await makeCertificate({ name: 'good.example', issuer: authority }),
    other: await makeCertificate({ name: 'other.example' }),
    expired: await makeCertificate({ name: 'expired.example', notBefore: at(-9), notAfter: at(-1) }),
    early: await makeCertificate({ name: 'early.example', notBefore: at(1), notAfter: at(9) }),
    weak: await makeCertificate({ name: 'weak.example', kind: 'rsa1024', issuer: authority }),
    dsa: await makeCertificate({ name: 'dsa.example', kind: 'dsa', issuer: authority }),
  };
}

/** One bad call: error code and what the message holds, the parameter's name among it. */
export interface BalancingRow {
  readonly what: string;
  readonly command: string;
  readonly values: (subjects: BalancingSubjects) => ApiValues;
  readonly code: number;
  readonly names: RegExp;
  readonly caller: CallerName;
}

function row(
  what: string,
  command: string,
  values: BalancingRow['values'],
  code: number,
  names: RegExp,
  caller: CallerName = 'owner',
): BalancingRow {
  return { what, command, values, code, names, caller };
}

const rule = ({ ids }: BalancingSubjects, changes: ApiValues = {}): ApiValues => ({
  publicipid: ids.address,
  name: 'new',
  algorithm: 'roundrobin',
  publicport: 9000,
  privateport: 80,
  ...changes,
});
const create = (what: string, changes: ApiValues, code: number, names: RegExp) =>
  row(what, 'createLoadBalancerRule', (s) => rule(s, changes), code, names);

const ruleRows: readonly BalancingRow[] = [
  create('no address', { publicipid: undefined }, 431, /publicipid: expected/),
  create('a port of a forward', { publicport: 80 }, 537, /publicport/),
  create('a port of a load balancer', { publicport: 8443 }, 537, /publicport/),
  create('its port by TLS', { publicport: 8443, protocol: 'ssl' }, 537, /publicport/),
  create('its port with the PROXY protocol', { publicport: 8443, protocol: 'tcp-proxy' }, 537, /publicport/),
  create('its UDP port', { publicport: 53, protocol: 'udp' }, 537, /publicport/),
  create('leastconn by UDP', { algorithm: 'leastconn', protocol: 'udp' }, 431, /algorithm/),
  create('a CIDR list of more than the contract has', { cidrlist: manyCidrs() }, 431, /cidrlist/),
  create('an account that the address is not of', { account: 'neighbour' }, 531, /account/),
  create('a name with a line break', { name: 'a\nb' }, 431, /name/),
  row(
    'another zone',
    'createLoadBalancerRule',
    (s) => rule(s, { networkid: s.world.belongings.neighbour.network }),
    531,
    /networkid/,
  ),
  row(
    'a forward to its port',
    'createPortForwardingRule',
    ({ ids }) => ({
      ipaddressid: ids.address,
      virtualmachineid: ids.machine,
      protocol: 'tcp',
      publicport: 8443,
      privateport: 1,
    }),
    537,
    /publicport/,
  ),
  row(
    'static NAT of its address',
    'enableStaticNat',
    ({ ids }) => ({ ipaddressid: ids.address, virtualmachineid: ids.machine }),
    537,
    /ipaddressid/,
  ),
  row('TCP become UDP', 'updateLoadBalancerRule', ({ ids }) => ({ id: ids.rule, protocol: 'udp' }), 431, /protocol/),
  row('UDP become TCP', 'updateLoadBalancerRule', ({ ids }) => ({ id: ids.udpRule, protocol: 'tcp' }), 431, /protocol/),
  row(
    'leastconn for UDP',
    'updateLoadBalancerRule',
    ({ ids }) => ({ id: ids.udpRule, algorithm: 'leastconn' }),
    431,
    /algorithm/,
  ),
  row(
    'TLS with a certificate become TCP',
    'updateLoadBalancerRule',
    ({ ids }) => ({ id: ids.tlsRule, protocol: 'tcp' }),
    431,
    /protocol.*removeCertFromLoadBalancer/,
  ),
];

function manyCidrs(): string {
  return Array.from({ length: 1001 }, (_, index) => `10.${index >> 8}.${index & 255}.0/24`).join(',');
}

const member = (what: string, changes: ApiValues, names: RegExp, command = 'assignToLoadBalancerRule', code = 431) =>
  row(what, command, ({ ids }) => ({ id: ids.rule, ...changes }), code, names);
const remove = 'removeFromLoadBalancerRule';

const memberRows: readonly BalancingRow[] = [
  member('nobody', {}, /virtualmachineids: expected/),
  member('a map without an instance', { 'vmidipmap[0].vmip': '10.1.1.2' }, /vmidipmap/),
  member('a map with something else', { 'vmidipmap[0].vmid': 'x', 'vmidipmap[0].port': '80' }, /vmidipmap/),
  member('a map of no id', { 'vmidipmap[0].vmid': 'x' }, /vmidipmap: expected a UUID/),
  row(
    'an address that is none',
    'assignToLoadBalancerRule',
    ({ ids }) => ({ id: ids.rule, 'vmidipmap[0].vmid': ids.machine, 'vmidipmap[0].vmip': '10.1.1.2; drop' }),
    431,
    /vmidipmap/,
  ),
  row(
    'an address that is not the instance’s',
    'assignToLoadBalancerRule',
    ({ ids }) => ({ id: ids.rule, 'vmidipmap[0].vmid': ids.machine, 'vmidipmap[0].vmip': '10.1.1.99' }),
    431,
    /vmidipmap/,
  ),
  row(
    'the instance of a neighbour, by a map',
    'assignToLoadBalancerRule',
    ({ ids, world }) => ({ id: ids.rule, 'vmidipmap[0].vmid': world.belongings.neighbour.virtual_machine ?? '' }),
    531,
    /vmidipmap/,
  ),
  row(
    'an instance of another network',
    'assignToLoadBalancerRule',
    ({ ids, world }) => ({ id: ids.rule, virtualmachineids: world.belongings.neighbour.virtual_machine ?? '' }),
    431,
    /virtualmachineids/,
    'root',
  ),
  row(
    'an instance that is not behind it',
    remove,
    ({ ids }) => ({ id: ids.rule, virtualmachineids: ids.machine }),
    431,
    /virtualmachineids/,
  ),
  member('nobody', {}, /virtualmachineids: expected/, remove),
];

const stick = (what: string, changes: ApiValues, names: RegExp, code = 431) =>
  row(
    what,
    'createLBStickinessPolicy',
    ({ ids }) => ({ lbruleid: ids.tlsRule, name: 'new', methodname: 'LbCookie', ...changes }),
    code,
    names,
  );
const param = (name: string, value: string): ApiValues => ({ 'param[0].name': name, 'param[0].value': value });

const policyRows: readonly BalancingRow[] = [
  row(
    'a second policy',
    'createLBStickinessPolicy',
    ({ ids }) => ({ lbruleid: ids.rule, name: 'new', methodname: 'LbCookie' }),
    431,
    /lbruleid/,
  ),
  row(
    'UDP',
    'createLBStickinessPolicy',
    ({ ids }) => ({ lbruleid: ids.udpRule, name: 'new', methodname: 'SourceBased' }),
    431,
    /lbruleid/,
  ),
  stick('a parameter that the method does not have', param('timeout', '5s'), /param.*"timeout"|"timeout".*param/),
  stick('a parameter without a name', { 'param[0].value': '5s' }, /param/),
  stick('a cookie with a line break', param('cookie-name', 'a\r\nb'), /param/),
  stick('a cookie that is HAProxy configuration', param('cookie-name', 'a insert indirect'), /param cookie-name/),
  stick('a cookie of two attributes', param('cookie-name', 'a; Domain=b'), /param cookie-name/),
  stick('a domain with a semicolon', param('domain', 'a.example; Secure'), /param domain/),
  stick('a mode that is none', param('mode', 'insert nocache'), /param mode/),
  stick('an application’s cookie without a name', { methodname: 'AppCookie' }, /param cookie-name/),
  stick('a table too large', { methodname: 'SourceBased', ...param('tablesize', '400g') }, /param tablesize/),
  stick('a time of two units', { methodname: 'SourceBased', ...param('expire', '1h30m') }, /param expire/),
  row('a second policy', 'createLBHealthCheckPolicy', ({ ids }) => ({ lbruleid: ids.rule }), 431, /lbruleid/),
  row('UDP', 'createLBHealthCheckPolicy', ({ ids }) => ({ lbruleid: ids.udpRule }), 431, /lbruleid/),
  ...['health', '/a b', '/a"b', '/a\\b', '/ü', `/${'a'.repeat(256)}`].map((pingpath) =>
    row(
      `the path ${JSON.stringify(pingpath.slice(0, 20))}`,
      'createLBHealthCheckPolicy',
      ({ ids }) => ({ lbruleid: ids.tlsRule, pingpath }),
      431,
      /pingpath/,
    ),
  ),
  row(
    'an answer later than the next check',
    'createLBHealthCheckPolicy',
    ({ ids }) => ({ lbruleid: ids.tlsRule, intervaltime: 5, responsetimeout: 6 }),
    431,
    /responsetimeout/,
  ),
  row('neither rule nor policy', 'listLBStickinessPolicies', () => ({}), 431, /lbruleid/),
  row('neither rule nor policy', 'listLBHealthCheckPolicies', () => ({}), 431, /lbruleid/),
];

const upload = (what: string, changes: (subjects: BalancingSubjects) => ApiValues, names: RegExp) =>
  row(
    what,
    'uploadSslCert',
    (s) => ({ name: 'new', certificate: s.good.certificate, privatekey: s.good.privateKey, ...changes(s) }),
    431,
    names,
  );
const pair = ({ certificate, privateKey: privatekey }: MadeCertificate): ApiValues => ({ certificate, privatekey });

const certificateRows: readonly BalancingRow[] = [
  upload('a certificate that is no PEM', () => ({ certificate: 'hello' }), /parameter certificate/),
  upload('a certificate cut short', (s) => ({ certificate: s.good.certificate.slice(0, 99) }), /parameter certificate/),
  upload(
    'a certificate and its chain in one',
    (s) => ({ certificate: s.good.certificate + s.authority.certificate }),
    /parameter certificate/,
  ),
  upload('an expired certificate', (s) => pair(s.expired), /parameter certificate: .*expired/),
  upload('a certificate of tomorrow', (s) => pair(s.early), /parameter certificate: .*not valid before/),
  upload('a key of 1024 bits', (s) => pair(s.weak), /parameter certificate: .*1024/),
  upload('DSA', (s) => pair(s.dsa), /parameter certificate: .*dsa/),
  upload("another's key", (s) => ({ privatekey: s.other.privateKey }), /parameter privatekey/),
  upload('a public key', (s) => ({ privatekey: publicKeyOf(s.good) }), /parameter privatekey/),
  upload('a key that is no PEM', () => ({ privatekey: 'hello' }), /parameter privatekey/),
  upload(
    'an encrypted key without its password',
    (s) => ({ privatekey: encryptedKey(s.good, 'word') }),
    /parameter password/,
  ),
  upload(
    'an encrypted key with another password',
    (s) => ({ privatekey: encryptedKey(s.good, 'word'), password: 'mellon' }),
    /parameter password/,
  ),
  upload('a chain that is no PEM', () => ({ certchain: 'hello' }), /parameter certchain/),
  upload('a chain of others', (s) => ({ certchain: s.other.certificate }), /parameter certchain/),
  upload(
    'a chain with a key in it',
    (s) => ({ certchain: s.authority.certificate + s.authority.privateKey }),
    /parameter certchain/,
  ),
  upload('a name that is taken', () => ({ name: 'certificate' }), /parameter name/),
  row('a certificate in use', 'deleteSslCert', ({ ids }) => ({ id: ids.certificate }), 536, /\(id\)/),
  row(
    'a rule that is not of TLS',
    'assignCertToLoadBalancer',
    ({ ids }) => ({ lbruleid: ids.rule, certid: ids.certificate }),
    431,
    /lbruleid/,
  ),
  row(
    'a certificate that the rule has',
    'assignCertToLoadBalancer',
    ({ ids }) => ({ lbruleid: ids.tlsRule, certid: ids.certificate }),
    431,
    /certid/,
  ),
  row(
    'a certificate of another account',
    'assignCertToLoadBalancer',
    ({ ids, world }) => ({ lbruleid: ids.tlsRule, certid: world.belongings.root.ssl_certificate ?? '' }),
    431,
    /certid/,
    'root',
  ),
  row(
    'a rule without a certificate',
    'removeCertFromLoadBalancer',
    ({ ids }) => ({ lbruleid: ids.rule }),
    431,
    /lbruleid/,
  ),
];

/** Every row. */
export const balancingRows: readonly BalancingRow[] = [...ruleRows, ...memberRows, ...policyRows, ...certificateRows];
