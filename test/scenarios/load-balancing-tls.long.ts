// TLS of a load balancer as testssl.sh sees it from the internet. It takes minutes: scenarios/load-balancing.test.ts looks at
// versions and names by openssl in each run.
import test from 'ava';
import { balance, startBackend, TlsNames } from '../lab/balanced.ts';
import { createCloud } from '../lab/cloud.ts';
import { tlsFindings } from '../lab/testssl.ts';

/** Findings that a scan which never reached the server would lack. */
const proof = { TLS1: 'INFO', TLS1_2: 'OK', TLS1_3: 'OK', heartbleed: 'OK', ROBOT: 'OK', LUCKY13: 'OK' };

test('testssl.sh finds nothing above low in protocols, ciphers and vulnerabilities', async (t) => {
  t.timeout(900_000);
  const cloud = await createCloud();
  try {
    const tenant = await cloud.tenant('tls');
    const web = await tenant.deploy('web');
    await startBackend(cloud, web);
    const ip = await tenant.sourceNat();
    const lbruleid = await balance(tenant, ip, { publicport: 443, members: [web], values: { protocol: 'ssl' } });
    const tls = await TlsNames.create(cloud, tenant);
    const certid = await tls.upload('shop', 'shop.example');
    await tenant.client.run('assignCertToLoadBalancer', { lbruleid, certid });
    const { all, bad } = await tlsFindings(cloud.lab.internet, `${ip.address}:443`, `${cloud.lab.run}/testssl.json`);
    t.deepEqual(bad, []);
    t.like(Object.fromEntries(all.map(({ id, severity }) => [id, severity])), proof);
  } finally {
    await cloud.teardown();
  }
});
