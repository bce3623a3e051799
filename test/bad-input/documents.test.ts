// No document that passes the schema can make a rendered file hold a line that the model did not put there.
import {
  type CollectionName,
  collectionNames,
  type EgressRule,
  EntryIdSchema,
  type IngressRule,
  type RouterDocument,
  type RouterEntry,
  type RouterSettings,
  routerCollections,
  routerSettings,
  type SectionName,
  sectionNames,
  validator,
} from '@isthmus/contract';
import {
  type MainConfig,
  parseConfigPath,
  parseDhcpHosts,
  parseDhcpOptions,
  parseHosts,
  parseMainConfig,
  parseServers,
  renderDhcpHosts,
  renderDhcpOptions,
  renderHosts,
  renderMainConfig,
  renderServers,
} from '@isthmus/dnsmasq-config';
import {
  canonicalRuleSet,
  type IpSet,
  parseIpSetSave,
  parseSave,
  portCount,
  type RuleSet,
  renderIpSet,
  renderRuleSet,
} from '@isthmus/iptables-ts';
import { InvalidValueError, type PortRange } from '@isthmus/net';
import { dhcpHostLine, dhcpMainConfig, dhcpOptions } from '@isthmus/templates/dhcp';
import { dnsHostsLine, dnsServers } from '@isthmus/templates/dns';
import { FirewallRules } from '@isthmus/templates/firewall';
import { NatRules } from '@isthmus/templates/nat';
import { desiredRouting, renderBatch } from '@isthmus/templates/routing';
import { parseSysctls, renderSysctls, sysctlText } from '@isthmus/templates/system';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { TSchema } from 'typebox';
import { arbitraryOf, type PlainSchema, smuggled, stringsOf } from './schema-arbitrary.ts';

const settingsSchemas = routerSettings as unknown as Record<SectionName, PlainSchema>;
const entrySchemas = routerCollections as unknown as Record<CollectionName, PlainSchema>;

const anySettings = fc.record(
  Object.fromEntries(sectionNames.map((name) => [name, arbitraryOf(settingsSchemas[name])])),
) as unknown as fc.Arbitrary<RouterSettings>;

function anyEntries(name: CollectionName): fc.Arbitrary<Map<string, RouterEntry>> {
  const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
  const entries = fc.array(fc.tuple(id, arbitraryOf(entrySchemas[name])), { maxLength: 8 });
  return entries.map((pairs) => new Map(pairs as [string, RouterEntry][]));
}

const anyDocument: fc.Arbitrary<RouterDocument> = fc
  .tuple(anySettings, fc.record(Object.fromEntries(collectionNames.map((name) => [name, anyEntries(name)]))))
  .map(([settings, entries]) => ({ settings, entries }) as unknown as RouterDocument);

/** The value, or null where a renderer refuses it: then nothing is written and the router serves what it has. */
function unlessRefused<Value>(make: () => Value): Value | null {
  try {
    return make();
  } catch (error) {
    if (error instanceof InvalidValueError || error instanceof RangeError) return null;
    throw error;
  }
}

/** Lines of a text, after it was seen to be plain ASCII in whole lines. */
function linesOf(text: string): string[] {
  if (!/^(?:[\x21-\x7e](?:[ \x21-\x7e]*[\x21-\x7e])?\n)*$/.test(text)) {
    throw new Error(`not plain lines: ${JSON.stringify(text)}`);
  }
  return text === '' ? [] : text.slice(0, -1).split('\n');
}

/** Runs the property and demands that most documents are rendered, so that it proves something. */
function holds(t: ExecutionContext, property: (document: RouterDocument) => boolean, leastRendered = 0.5): void {
  let rendered = 0;
  const numRuns = 150;
  fc.assert(
    fc.property(anyDocument, (document) => {
      rendered += property(document) ? 1 : 0;
    }),
    { numRuns },
  );
  t.true(rendered >= numRuns * leastRendered, `${rendered} of ${numRuns} documents were rendered`);
}

const path = (name: string) => parseConfigPath(`/var/lib/isthmus/test/${name}`);
const paths = {
  pidFile: path('pid'),
  leases: path('leases'),
  hosts: path('hosts'),
  hostsLive: path('hosts.d'),
  choices: path('choices'),
};

function keywords(config: MainConfig): string[] {
  return linesOf(renderMainConfig(config)).map((line) => line.split('=')[0] ?? '');
}

/** What dnsmasq.conf holds of keywords for any document: those of this one. */
const plainKeywords = keywords(
  dhcpMainConfig(
    {
      interface: 'eth0',
      network: '10.1.1.0/24',
      router: '10.1.1.1',
      dnsServers: ['10.1.1.1'],
      domain: 'cs1.example',
      leaseTimeSeconds: 86_400,
    } as unknown as RouterSettings['dhcp'],
    paths,
    null,
  ),
);

test('dnsmasq.conf holds the lines of the model and no other', (t) => {
  t.true(plainKeywords.length > 15);
  holds(
    t,
    ({ settings: { dhcp } }) => {
      const config = unlessRefused(() => dhcpMainConfig(dhcp, paths, null));
      const text = config === null ? null : unlessRefused(() => renderMainConfig(config));
      if (config === null || text === null) return false;
      t.deepEqual(
        linesOf(text).map((line) => line.split('=')[0]),
        plainKeywords,
      );
      t.deepEqual(parseMainConfig(text), config);
      t.true(text.includes(`\ninterface=${dhcp.interface}\n`));
      return true;
    },
    0.3,
  );
});

test('a DHCP host, a DNS record, an option and a server are a line each', (t) => {
  holds(t, ({ settings: { dhcp, dns }, entries }) => {
    const hosts = unlessRefused(() =>
      [...entries['dhcp.hosts'].values()].map((host) => dhcpHostLine(host, dhcp.domain)),
    );
    const hostsText = hosts === null ? null : unlessRefused(() => renderDhcpHosts(hosts));
    if (hosts !== null && hostsText !== null) {
      const expected = [...entries['dhcp.hosts'].values()].map(
        ({ macAddress, address, hostname, isDefault, options = [] }) =>
          [
            macAddress,
            ...(isDefault === false ? ['set:secondary'] : []),
            ...(options.length > 0 ? [`set:h${macAddress.replaceAll(':', '')}`] : []),
            address,
            `${hostname}.${dhcp.domain}`,
          ].join(','),
      );
      t.deepEqual(linesOf(hostsText), expected);
      t.deepEqual(parseDhcpHosts(hostsText), hosts);
    }
    const records = unlessRefused(() =>
      [...entries['dns.records'].values()].map((each) => dnsHostsLine(each, dns.domain)),
    );
    const recordsText = records === null ? null : unlessRefused(() => renderHosts(records));
    if (records !== null && recordsText !== null) {
      const expected = [...entries['dns.records'].values()].map(
        ({ hostname, address }) => `${address} ${hostname}.${dns.domain} ${hostname}`,
      );
      t.deepEqual(linesOf(recordsText), expected);
      t.deepEqual(parseHosts(recordsText).length, expected.length);
    }
    const options = unlessRefused(() => dhcpOptions(dhcp));
    const optionsText = options === null ? null : unlessRefused(() => renderDhcpOptions(options));
    if (options !== null && optionsText !== null) {
      // Router, servers, domain, and the three that NICs are spared that are not their instance's default.
      t.is(linesOf(optionsText).length, 6 + (dhcp.mtu === undefined ? 0 : 1) + (dhcp.options ?? []).length);
      t.deepEqual(parseDhcpOptions(optionsText), options);
    }
    const servers = dnsServers(dns);
    const serversText = unlessRefused(() => renderServers(servers));
    if (serversText !== null) {
      t.is(linesOf(serversText).length, 1 + dns.forwarders.length);
      t.deepEqual(parseServers(serversText), servers);
    }
    return [hostsText, recordsText, optionsText, serversText].some((each) => each !== null);
  });
});

/** The whole packet filter of a document, as the service builds it. */
function packetFilter({ settings, entries }: RouterDocument): { ruleSet: RuleSet; sets: IpSet[] } {
  const nat = new NatRules('demo');
  const firewall = new FirewallRules('demo');
  const { guestAddress, guestNetwork } = settings.nat;
  nat.set(settings.nat);
  firewall.set({ ...settings.firewall, guestAddress, guestNetwork }, settings.firewall.egressDefault);
  for (const [id, entry] of entries['nat.portForwards']) nat.putPortForward(id, entry);
  for (const [id, entry] of entries['nat.staticNats']) nat.putStaticNat(id, entry);
  for (const [id, entry] of entries['firewall.ingress']) {
    firewall.ingress.put(id, entry);
    firewall.publicAddresses.retain(entry.publicAddress);
  }
  for (const [id, entry] of entries['firewall.egress']) firewall.egress.put(id, entry);
  return { ruleSet: { ...firewall.ruleSet(), nat: nat.chains() }, sets: firewall.sets() };
}

function sorted({ first, last }: PortRange): PortRange {
  return { first: Math.min(first, last), last: Math.max(first, last) };
}

/** A copy whose ports are what the agent's check, which compares fields as no schema can, lets pass. */
function withCoherentPorts(document: RouterDocument): RouterDocument {
  const { entries } = document;
  const mapped = <Entry>(map: ReadonlyMap<string, Entry>, change: (entry: Entry) => Entry) =>
    new Map([...map].map(([id, entry]) => [id, change(entry)] as const));
  const ofRule = <Rule extends IngressRule | EgressRule>(rule: Rule): Rule => {
    const { ports, ...rest } = rule;
    const hasPorts = ports !== undefined && (rule.protocol === 'tcp' || rule.protocol === 'udp');
    return (hasPorts ? { ...rest, ports: sorted(ports) } : rest) as Rule;
  };
  return {
    ...document,
    entries: {
      ...entries,
      'firewall.ingress': mapped(entries['firewall.ingress'], ofRule),
      'firewall.egress': mapped(entries['firewall.egress'], ofRule),
      'nat.portForwards': mapped(entries['nat.portForwards'], (forward) => {
        const publicPorts = sorted(forward.publicPorts);
        const first = Math.min(forward.privatePorts.first, 65_535 - portCount(publicPorts) + 1);
        return { ...forward, publicPorts, privatePorts: { first, last: first + portCount(publicPorts) - 1 } };
      }),
    },
  };
}

function lineCount(ruleSet: RuleSet): number {
  const tables = Object.values(ruleSet);
  const chains = tables.flatMap((table) => [...table.values()]);
  return 2 * tables.length + chains.length + chains.reduce((sum, { rules }) => sum + rules.length, 0);
}

/** The text of a document's rules, after its lines and sets were counted; null where a renderer refuses it. */
function filterText(t: ExecutionContext, document: RouterDocument): { text: string; ruleSet: RuleSet } | null {
  const filter = unlessRefused(() => packetFilter(document));
  const text = filter === null ? null : unlessRefused(() => renderRuleSet(filter.ruleSet));
  if (filter === null || text === null) return null;
  t.is(linesOf(text).length, lineCount(filter.ruleSet));
  for (const set of filter.sets) {
    const setText = unlessRefused(() => renderIpSet(set));
    if (setText === null) continue;
    t.is(linesOf(setText).length, 1 + set.members.length);
    const names = parseIpSetSave(setText).map(({ name }) => name);
    t.deepEqual(names, [set.name]);
  }
  return { text, ruleSet: filter.ruleSet };
}

test('iptables-restore and ipset read the rules and sets of the model and no other', (t) => {
  holds(t, (document) => {
    filterText(t, document);
    const coherent = filterText(t, withCoherentPorts(document));
    if (coherent === null) return false;
    t.deepEqual(canonicalRuleSet(parseSave(coherent.text)), canonicalRuleSet(coherent.ruleSet));
    return true;
  });
});

const noRouting = { links: [], defaultRoutes: [] };

test('ip -batch and sysctl read a line for each setting of the model', (t) => {
  holds(t, ({ settings: { routing, system }, entries }) => {
    const desired = desiredRouting(routing, entries['routing.publicAddresses'].values());
    const lines = linesOf(renderBatch(noRouting, desired));
    const addresses = desired.links.reduce((sum, link) => sum + link.addresses.length, 0);
    t.is(lines.length, addresses + desired.links.length + desired.defaultRoutes.length);
    for (const line of lines) {
      t.regex(
        line,
        /^(?:address replace \S+ dev \S+|link set dev \S+ mtu \d+ up|route replace (?:default|::\/0) via \S+ dev \S+(?: src \S+)?(?: metric \d+)?)$/,
      );
    }
    const settings = renderSysctls(system, routing);
    const text = sysctlText(settings);
    t.is(linesOf(text).length, settings.length);
    for (const line of linesOf(text)) t.regex(line, /^net\/[A-Za-z0-9._/-]+ = \d+$/);
    t.true(parseSysctls(text.replaceAll('.', '\0').replaceAll('/', '.').replaceAll('\0', '/')).size > 20);
    return true;
  });
});

test('every string of the document has a format and a length, or a pattern, and every object is closed', (t) => {
  const schemas = Object.entries({ ...settingsSchemas, ...entrySchemas });
  const strings = schemas.flatMap(([name, schema]) => stringsOf(schema, name));
  t.true(strings.length > 30);
  for (const { path: where, schema } of strings) {
    if (schema.pattern !== undefined) {
      t.true(/\{\d+,\d+\}\)?\$$/.test(schema.pattern) || schema.maxLength !== undefined, where);
      continue;
    }
    t.truthy(schema.format, where);
    t.true((schema.maxLength ?? Number.POSITIVE_INFINITY) <= 253, where);
  }
  for (const [name, schema] of schemas) t.is(schema.additionalProperties, false, name);
});

test('a string with a character of another meaning passes no format', (t) => {
  const strings = Object.entries({ ...settingsSchemas, ...entrySchemas }).flatMap(([name, schema]) =>
    stringsOf(schema, name),
  );
  const formats = new Map(
    strings.flatMap(({ schema }) => (schema.format === undefined ? [] : [[schema.format, schema]])),
  );
  t.is(formats.size, 8);
  for (const [format, schema] of formats) {
    const { check } = validator(schema as TSchema);
    const property = fc.property(arbitraryOf(schema), fc.constantFrom(...smuggled), fc.nat(), (value, extra, where) => {
      const text = String(value);
      const at = where % (text.length + 1);
      return !check(text.slice(0, at) + extra + text.slice(at)) || /^[./]*$/.test(extra);
    });
    fc.assert(property, { numRuns: 500 });
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => !check(text) || /^[A-Za-z0-9._:/-]+$/.test(text)),
      { numRuns: 2000 },
    );
    for (const text of ['', ' ', '\n', '.', '-', '..', '/', 'A\n', `${'a.'.repeat(200)}a`]) {
      t.false(check(text), `${format} takes ${JSON.stringify(text)}`);
    }
  }
  const { check } = validator(EntryIdSchema);
  for (const extra of smuggled) t.false(check(`id${extra}`), JSON.stringify(extra));
  for (const id of ['../x', '.x', '-x', '', 'a/b', 'a'.repeat(65)]) t.false(check(id), id);
});

/** Copies of a value in which one string has something smuggled in. */
function spoiled(value: unknown, extra: string): unknown[] {
  if (typeof value === 'string') return [`${value}${extra}`, `${extra}${value}`];
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => spoiled(item, extra).map((bad) => value.with(index, bad)));
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => spoiled(item, extra).map((bad) => ({ ...value, [key]: bad })));
}

/** Where the schema admits signs, as in a cookie's name: none of them ends a line, but those between the lines of PEM. */
function isHarmless(name: string, schema: PlainSchema, extra: string): boolean {
  const hasPatterns = stringsOf(schema).some(({ schema: each }) => each.pattern !== undefined);
  const endsLines = [...extra].some((character) => character < ' ');
  return hasPatterns && (name === 'loadBalancing.certificates' || !endsLines);
}

test('the validator refuses a document with one spoiled string, whichever it is', (t) => {
  let count = 0;
  for (const [name, schema] of Object.entries({ ...settingsSchemas, ...entrySchemas })) {
    const { check } = validator(schema as TSchema);
    fc.assert(
      fc.property(arbitraryOf(schema), fc.constantFrom(...smuggled), (value, extra) => {
        t.true(check(value), name);
        for (const bad of spoiled(value, extra)) {
          count += 1;
          if (!isHarmless(name, schema, extra)) t.false(check(bad), `${name}: ${JSON.stringify(bad)}`);
        }
        t.false(check({ ...(value as object), surplus: 1 }));
      }),
      { numRuns: 40 },
    );
  }
  t.true(count > 1000);
});
