// Bad input about load balancers that only the rules of the domain can tell: code, named parameter, nothing changed, and
// nothing of a private key or its password told.
import test from 'ava';
import { inside } from '../commands/tenant-fixture.ts';
import { type Digest, digestOf } from './digest.ts';
import { type BalancingSubjects, balancingRows, certificatesOfRows } from './load-balancing-rows.ts';
import { outcome } from './refusal.ts';
import { startWorld } from './world.ts';

let subjects: BalancingSubjects;
let digest: () => Promise<Digest>;
test.before(async () => {
  const world = await startWorld();
  const { owner: client } = world.callers;
  const own = world.belongings.owner;
  const publicipid = own.public_ip_address ?? '';
  const rule = async (values: Readonly<Record<string, string | number>>) => {
    const wish = { publicipid, algorithm: 'roundrobin', privateport: 80, ...values };
    return String(inside(await client.run('createLoadBalancerRule', wish)).id);
  };
  const ids = {
    address: publicipid,
    rule: own.load_balancer_rule ?? '',
    udpRule: await rule({ name: 'udp', protocol: 'udp', publicport: 53 }),
    tlsRule: await rule({ name: 'tls', protocol: 'ssl', publicport: 443 }),
    machine: own.virtual_machine ?? '',
    certificate: own.ssl_certificate ?? '',
  };
  await client.run('assignCertToLoadBalancer', { lbruleid: ids.tlsRule, certid: ids.certificate });
  subjects = { world, ids, ...(await certificatesOfRows()) };
  digest = await digestOf(world.db);
});
test.after.always(() => subjects?.world.close());

for (const [index, { what, command, values, code, names, caller }] of balancingRows.entries()) {
  test.serial(`${index + 1}: ${command} refuses ${what}`, async (t) => {
    const before = await digest();
    const call = values(subjects);
    const refusal = await outcome(subjects.world.callers[caller], command, call);
    t.is(refusal.code, code, refusal.text);
    t.regex(refusal.text, names);
    const secrets = [call.password, String(call.privatekey ?? '').split('\n')[1]];
    for (const secret of secrets) if (secret) t.false(refusal.text.includes(String(secret)), refusal.text);
    t.deepEqual(await digest(), before);
  });
}
