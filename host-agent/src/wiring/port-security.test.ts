import { parseIpv4Address, parseMacAddress } from '@isthmus/net';
import test from 'ava';
import fc from 'fast-check';
import { bucketOf, type GuardedPort, isChainOf, readPorts, renderPorts, staleChains } from './port-security.ts';

function port(digits: string): GuardedPort {
  return {
    name: `ab12i${digits}0`,
    macAddress: parseMacAddress('02:00:00:00:00:05'),
    addresses: [parseIpv4Address('10.1.1.5')],
  };
}

/** Targets of the jumps that a frame from `name` takes, read from the rendered text as ebtables would. */
function pathOf(text: string, name: string): string[] {
  const rules = text.split('\n').map((line) => /^-A (\S+) -i (\S+) -j (\S+)$/.exec(line));
  const path: string[] = [];
  for (let chain = 'PREROUTING'; ; ) {
    const next = rules.find((rule) => {
      const device = rule?.[2] ?? '';
      return rule?.[1] === chain && (device.endsWith('+') ? name.startsWith(device.slice(0, -1)) : name === device);
    });
    if (next?.[3] === undefined) return path;
    chain = next[3];
    path.push(chain);
  }
}

const digits = fc.stringMatching(/^[0-9a-f]{8}$/);
const portsOf = fc.uniqueArray(digits, { minLength: 1, maxLength: 40 }).map((each) => each.map(port));

test("every port's frames come to its own chain by three jumps, and those of an unknown port to none", (t) => {
  fc.assert(
    fc.property(portsOf, (ports) => {
      const text = renderPorts('ab12', ports, { changed: ports, removed: [], stale: [], enter: true });
      for (const { name } of ports) {
        const path = pathOf(text, name);
        t.is(path.length, 4);
        t.is(path[3], `ith-ab12-${name.slice(4)}`);
      }
      const unknown = 'ab12r000000000';
      t.deepEqual(pathOf(text, unknown), []);
    }),
    { numRuns: 50 },
  );
});

test('each chain that others lead to ends with a drop, and no list of rules grows with the ports', (t) => {
  const ports = Array.from({ length: 512 }, (_, index) =>
    port(index.toString(16).padStart(4, '0').slice(2) + index.toString(16).padStart(6, '0')),
  );
  const text = renderPorts('ab12', ports, { changed: ports, removed: [], stale: [], enter: true });
  const byChain = Map.groupBy(
    text.split('\n').filter((line) => line.startsWith('-A ')),
    (line) => line.split(' ')[1] ?? '',
  );
  for (const [chain, rules] of byChain) {
    if (chain === 'PREROUTING') continue;
    t.regex(rules.at(-1) ?? '', / -j DROP$/);
    t.true(rules.length <= 17, `${chain} has ${rules.length} rules`);
  }
});

test('the last port of a bucket takes the chains that lead to it alone with it', (t) => {
  const [stays, goes] = [port('0a000000'), port('1b000000')];
  const text = renderPorts('ab12', [stays], { changed: [], removed: [goes.name], stale: [], enter: false });
  const removed = text.split('\n').filter((line) => line.startsWith('-X '));
  t.deepEqual(removed.sort(), ['-X ith-ab12-i1b0000000', '-X ith-ab12-ports-1', '-X ith-ab12-ports-1b']);
  t.is(bucketOf(goes.name), '1b');
});

test('only the chains of the own installation are read, and only those without a port are stale', (t) => {
  const saved = [
    '*filter',
    ':ith-ab12-ports RETURN',
    '*nat',
    ':PREROUTING ACCEPT',
    ':ith-ab12-ports RETURN',
    ':ith-ab12-ports-0 RETURN',
    ':ith-ab12-i0a0000000 RETURN',
    ':ith-ab12-i1b0000000 RETURN',
    ':ith-ab13-ports RETURN',
    ':libvirt-I-vnet0 RETURN',
    '-A PREROUTING -i ab12i+ -j ith-ab12-ports',
  ].join('\n');
  const { chains, hasEntry } = readPorts('ab12', saved);
  t.true(hasEntry);
  t.deepEqual(chains, ['ith-ab12-ports', 'ith-ab12-ports-0', 'ith-ab12-i0a0000000', 'ith-ab12-i1b0000000']);
  t.deepEqual(staleChains('ab12', chains, [port('0a000000')]), ['ith-ab12-i1b0000000']);
  t.false(readPorts('ab13', saved).hasEntry);
  t.false(isChainOf('ab12', 'ith-ab12-ports-zz'));
});
