// What listens in a router, seen from each of its sides, is what docs/reference/ports.md says. Of a router VM the same is
// asked in virtual-machines.test.ts.
import test from 'ava';
import { cloudFor } from '../lab/cloud.ts';
import { documentedPorts, openPorts } from '../lab/port-scan.ts';

test('a router in a namespace shows the documented ports to its guests, and to the public only what the tenant opened', async (t) => {
  const cloud = await cloudFor(t);
  const tenant = await cloud.tenant('scanned');
  const web = await tenant.deploy('web');
  const ip = await tenant.sourceNat();
  await tenant.forward(ip, web, { publicport: 8080, privateport: 80, openfirewall: true });
  const sides = await Promise.all([
    openPorts(web.host, '10.1.1.1', 8000),
    openPorts(cloud.lab.internet, ip.address, 8000),
  ]);
  t.deepEqual(await documentedPorts('public'), []);
  t.deepEqual(sides, [await documentedPorts('guest'), ['TCP 8080']]);
});
