import { readFile, writeFile } from 'node:fs/promises';
import { parseFqdn, parseHostname, parseInterfaceName, parseIpv4Address, parseMacAddress } from '@isthmus/net';
import test from 'ava';
import { parseSysctls, renderSysctls, sysctlText } from './index.ts';

const golden = new URL('golden/sysctls', import.meta.url);

const system = { hostname: parseHostname('r-4'), domain: parseFqdn('cs1.internal'), conntrackMax: 262_144 };
const nic = (name: string, last: number) => ({
  name: parseInterfaceName(name),
  role: 'guest' as const,
  macAddress: parseMacAddress(`02:00:00:00:00:0${last}`),
  mtu: 1500,
  address: parseIpv4Address(`10.${last}.1.1`),
  prefixLength: 24,
});

test('the kernel settings of a router are those of the golden file', async (t) => {
  const text = sysctlText(renderSysctls(system, { interfaces: [nic('eth0', 1), nic('eth2.100', 2)] }));
  if (process.env.UPDATE_GOLDEN === '1') await writeFile(golden, text);
  t.is(text, await readFile(golden, 'utf8'));
});

test('forwarding is not among them: it comes on when the rules stand', (t) => {
  t.false(renderSysctls(system, { interfaces: [] }).some(({ key }) => key.includes('forward')));
});

test('what sysctl prints is read back, with dots in names', (t) => {
  const printed = 'net.ipv4.conf.eth2/100.send_redirects = 0\nnet.ipv4.tcp_mem = 1\t2\t3\n\nnoise\n';
  t.deepEqual(
    [...parseSysctls(printed)],
    [
      ['net/ipv4/conf/eth2.100/send_redirects', '0'],
      ['net/ipv4/tcp_mem', '1\t2\t3'],
    ],
  );
});
