import test, { type ExecutionContext } from 'ava';
import { createDnsmasqService } from './dnsmasq.ts';
import { type DnsmasqLab, dnsmasqLab, guests, noGuests, push, TestDocument } from './dnsmasq-fixture.ts';
import type { RouterService } from './service.ts';

interface Bench {
  readonly lab: DnsmasqLab;
  readonly service: RouterService;
  readonly document: TestDocument;
}

async function bench(t: ExecutionContext): Promise<Bench> {
  const lab = await dnsmasqLab();
  const service = createDnsmasqService({ host: lab.router, paths: lab.paths, namePrefix: 'itd' });
  t.teardown(async () => {
    await service.shutdown();
    await lab.end();
  });
  return { lab, service, document: new TestDocument() };
}

test('a guest gets its reserved lease with all that it says, and its name is answered', async (t) => {
  const { lab, service, document } = await bench(t);
  await push(service, document.change({ full: true, ...guests([1, 2]) }));
  const lease = await lab.lease('02:00:00:00:00:01');
  t.is(lease?.ip, '10.1.1.1');
  t.is(lease?.router, '10.1.0.1');
  t.is(lease?.dns, '10.1.0.1');
  t.is(lease?.domain, 'cs1.internal');
  t.is(lease?.hostname, 'vm1');
  t.is(lease?.lease, '86400');
  t.deepEqual(await lab.dig('vm2.cs1.internal'), ['10.1.1.2']);
  t.deepEqual(await lab.dig('vm2'), ['10.1.1.2']);
  t.deepEqual(await lab.dig('-x', '10.1.1.2'), ['vm2.cs1.internal.']);
  t.is(await lab.lease('02:00:00:00:00:09'), null);
  t.like(await service.health(), { healthy: true });
  await push(service, document.change(guests([3])));
  t.deepEqual(await lab.dig('vm3.cs1.internal'), ['10.1.1.3']);
  await push(service, document.change(noGuests([3])));
});
