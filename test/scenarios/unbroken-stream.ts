// A connection through the router, for a minute of changes and crashes all around it.
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { doneByRouter, saidByApi, unsettled } from '../lab/agreement.ts';
import { type Cloud, createCloud, type Instance, inTurn, type PublicIp, type Tenant } from '../lab/cloud.ts';
import { internet, type LabOptions, waitFor } from '../lab/index.ts';
import { askUntilAnswered, type Outcome, runThroughCrashes } from '../lab/patience.ts';

let cloud: Cloud;

const streamMs = 60_000;
const wantedChanges = 200;
const ports = Array.from({ length: 16 }, (_, index) => 9000 + index);

/** A tenant's changes, one after the other, until there are enough of them. */
class Changes {
  readonly #tenant: Tenant;
  readonly #web: Instance;
  readonly #ip: PublicIp;
  readonly failures: string[] = [];
  done = 0;
  pending = 0;

  constructor(tenant: Tenant, web: Instance, ip: PublicIp) {
    this.#tenant = tenant;
    this.#web = web;
    this.#ip = ip;
  }

  async #change(command: string, values: Parameters<typeof runThroughCrashes>[2]): Promise<Outcome> {
    this.pending += 1;
    const outcome = await runThroughCrashes(this.#tenant.client, command, values);
    this.pending -= 1;
    if (outcome.kind === 'done') this.done += 1;
    // What the host agent could not be reached for is put back and said so; the next change finds it as it was.
    const expected = outcome.kind === 'failed' && outcome.errorcode === 534;
    if (outcome.kind === 'failed' && !expected) this.failures.push(`${command}: ${outcome.message}`);
    return outcome;
  }

  /** Opens one port, or closes it where it is open, by turns with a forward, a firewall rule and an egress rule. */
  async turn(port: number, round: number): Promise<void> {
    const { client, networkId } = this.#tenant;
    const ipaddressid = this.#ip.id;
    const kind = (['PortForwardingRule', 'FirewallRule', 'EgressFirewallRule'] as const)[round % 3] ?? 'FirewallRule';
    const match = { protocol: 'tcp', startport: port, endport: port, cidrlist: `${internet.clients[0]}/32` };
    const values = {
      PortForwardingRule: {
        ipaddressid,
        virtualmachineid: this.#web.id,
        protocol: 'tcp',
        publicport: port,
        privateport: 80,
        openfirewall: false,
      },
      FirewallRule: { ipaddressid, ...match },
      EgressFirewallRule: { networkid: networkId, protocol: 'tcp', startport: port, endport: port },
    }[kind];
    const where = kind === 'EgressFirewallRule' ? { networkid: networkId } : { ipaddressid };
    const rules = await askUntilAnswered(() => client.list(`list${kind}s`, where));
    const mine = rules.find((rule) => Number(rule.publicport ?? rule.startport) === port);
    if (mine === undefined) await this.#change(`create${kind}`, values);
    else await this.#change(`delete${kind}`, { id: String(mine.id) });
  }
}

/** A connection through changes and crashes, on a cloud of these hosts. */
export function unbrokenStream(options: LabOptions = {}): void {
  const scenario = inTurn(options) ? test.serial : test;
  test.before(async () => {
    cloud = await createCloud(options);
  });
  test.after.always(() => cloud?.teardown());

  scenario(
    `a ${streamMs / 1000}-second TCP stream is unbroken through ${wantedChanges} rule changes, kill -9 of the host agent and kill -9 of the orchestrator`,
    async (t) => {
      const tenant = await cloud.tenant('stream');
      const web = await tenant.deploy('web');
      const ip = await tenant.sourceNat();
      await cloud.lab.startEcho(web.host, web.address, { http: 8081, echo: 7 });
      await tenant.forward(ip, web, { publicport: 7007, privateport: 7, openfirewall: true });
      await tenant.egressRule({ protocol: 'tcp', startport: 7 });
      const start = performance.now();
      const inwards = await cloud.lab.startStream(cloud.lab.internet, ip.address, 7007);
      const outwards = await cloud.lab.startStream(web.host, internet.server, 7);

      const changes = new Changes(tenant, web, ip);
      let ended = false;
      const worker = async (first: number) => {
        for (let round = 0; !ended; round += 1) {
          await changes.turn(ports[first + (round % 8)] ?? 0, Math.floor(round / 16));
          // Spread over the minute.
          const due = start + (changes.done / wantedChanges) * (streamMs - 10_000);
          await sleep(Math.max(0, Math.min(due - performance.now(), 1000)));
        }
      };
      const working = Promise.all([worker(0), worker(8)]);

      await sleep(15_000);
      await waitFor('a change under way', async () => changes.pending > 0);
      await cloud.lab.killHostAgent('SIGKILL');
      await sleep(1000);
      await cloud.lab.startHostAgent();

      await sleep(10_000);
      await waitFor('a change under way', async () => changes.pending > 0);
      await cloud.killOrchestrator('SIGKILL');
      await sleep(1000);
      await cloud.startOrchestrator();

      await waitFor('enough changes', async () => changes.done >= wantedChanges, 2 * streamMs);
      await sleep(Math.max(0, start + streamMs - performance.now()));
      ended = true;
      await working;
      const seconds = (performance.now() - start) / 1000;
      for (const [way, stream] of [
        ['inwards', inwards],
        ['outwards', outwards],
      ] as const) {
        const { error, longestGapMs, sent, received } = await stream.stop();
        t.log(`${way}: ${received} of ${sent} echoes in ${Math.round(seconds)} s, longest gap ${longestGapMs} ms`);
        t.is(error, null, way);
        t.true(longestGapMs < (inTurn(options) ? 4000 : 1000), `${way}: ${longestGapMs} ms without an echo`);
      }
      t.deepEqual(changes.failures, []);
      t.true(changes.done >= wantedChanges);
      t.log(`${changes.done} changes`);
      await waitFor('everything is settled', async () => (await unsettled(tenant)).length === 0, 30_000);
      // The echo port answers no HTTP, by which a router VM is asked; the streams have shown that it is open.
      const tried = options.hosts === undefined ? [7007, ...ports] : ports;
      const attempts = tried.flatMap((port) => internet.clients.map((source) => ({ source, port })));
      t.deepEqual(await doneByRouter(tenant, ip, attempts), await saidByApi(tenant, ip, attempts));
    },
  );
}
