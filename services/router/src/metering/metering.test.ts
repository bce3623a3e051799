import { nft } from '@isthmus/host';
import test from 'ava';
import { documentOf, enforce, fullChange, type Lab, partChange, publicAddress, withLab } from '../namespace-fixture.ts';
import { createRoutingService } from '../routing/routing.ts';
import { createMeteringService } from './metering.ts';

/** 84 bytes each: 20 of IP, 8 of ICMP, 56 of data. */
const pingBytes = 84;

/** Pings from the router to a neighbour that never answers, from an address of the router. */
async function pings(lab: Lab, from: string, count: number): Promise<void> {
  await lab.see('ip', 'neighbour', 'replace', '203.0.113.99', 'lladdr', '02:00:00:00:00:99', 'dev', 'eth2');
  await lab.context.host.commands.run(
    'ping',
    ['-q', '-n', '-c', String(count), '-i', '0.01', '-W', '0.1', '-I', from, '203.0.113.99'],
    { okCodes: [0, 1] },
  );
}

async function sentBy(service: ReturnType<typeof createMeteringService>, address?: string): Promise<number> {
  const usage = await service.operations?.usage?.({});
  return usage?.counters.find(({ publicAddress: own }) => own === address)?.sentBytes ?? -1;
}

test('bytes are counted by public address to the byte, through changes, a new agent, and after an address has gone', (t) =>
  withLab(async (lab) => {
    const routing = createRoutingService(lab.context);
    const first = createMeteringService(lab.context);
    const document = documentOf({ a: publicAddress(3) });
    await enforce(routing, fullChange(document));
    await enforce(first, fullChange(document));
    await pings(lab, '203.0.113.2', 5);
    await pings(lab, '203.0.113.3', 7);
    t.is(await sentBy(first, '203.0.113.2'), 5 * pingBytes);
    t.is(await sentBy(first, '203.0.113.3'), 7 * pingBytes);
    const one = documentOf({ a: publicAddress(3), b: publicAddress(4) });
    await enforce(first, partChange(one, [{ id: 'b', after: publicAddress(4) }]));
    await first.release();

    const second = createMeteringService(lab.context);
    const none = documentOf({});
    await enforce(second, fullChange(none));
    t.is(await sentBy(second, '203.0.113.3'), 7 * pingBytes, 'of an address that is gone');
    await pings(lab, '203.0.113.2', 3);
    t.is(await sentBy(second, '203.0.113.2'), 8 * pingBytes);
    t.is(await sentBy(second), 15 * pingBytes, 'of the whole network');
    await second.release();
    await routing.release();
  }));

test('a table that somebody took away is found and made anew, under another epoch', (t) =>
  withLab(async (lab) => {
    const service = createMeteringService(lab.context);
    await enforce(service, fullChange(documentOf({})));
    const before = await service.operations?.usage?.({});
    await lab.see(nft, 'delete', 'table', 'inet', `${lab.context.namePrefix}-metering`);
    t.false((await service.health()).healthy);
    await service.heal();
    t.true((await service.health()).healthy);
    const after = await service.operations?.usage?.({});
    t.not(after?.epoch, before?.epoch);
    await lab.see(nft, 'flush', 'chain', 'inet', `${lab.context.namePrefix}-metering`, 'outgoing');
    t.regex((await service.health()).detail, /has 1 rules, expected 2/);
  }));

test('a change that touches no address runs nothing', (t) =>
  withLab(async (lab) => {
    const service = createMeteringService(lab.context);
    const document = documentOf({});
    await enforce(service, fullChange(document));
    t.is(service.plan(partChange(document, [])), null);
  }));
