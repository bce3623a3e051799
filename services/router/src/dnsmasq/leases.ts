// Leases of a running or a stopped dnsmasq: given up, carried to another router.
import { type Lease, parseLeases, renderLeases } from '@isthmus/dnsmasq-config';
import type { Host } from '@isthmus/host';
import type { InterfaceName } from '@isthmus/net';
import { leasesWithoutHost, readLeases } from '../dhcp.ts';
import type { InstanceLayout } from './instances.ts';
import type { LineIndex } from './lines.ts';

/** A reload with 10,000 leases keeps dnsmasq from reading its socket for 2 s. */
const releaseTimeoutMs = 10_000;
const releasesAtOnce = 8;

export class DnsmasqLeases {
  readonly #host: Host;
  readonly #layout: InstanceLayout;

  constructor(host: Host, layout: InstanceLayout) {
    this.#host = host;
    this.#layout = layout;
  }

  async text(): Promise<string> {
    return (await this.#host.files.readTextIfExists(this.#layout.leases)) ?? '';
  }

  /** Replaces the lease file; dnsmasq must not be running. Throws ConfigSyntaxError where the text is not one. */
  async write(text: string): Promise<void> {
    await this.#host.files.writeText(this.#layout.leases, renderLeases(parseLeases(text)));
  }

  /** Takes leases without a host out of the file; dnsmasq must not be running. A file that cannot be read goes. */
  async prune(hosts: LineIndex): Promise<void> {
    const text = await this.text();
    const leases = readLeases(text);
    if (leases === null) this.#host.log.warn('the lease file was not readable and is begun anew', { text });
    const gone = new Set(leasesWithoutHost(leases ?? [], hosts));
    const kept = (leases ?? []).filter((lease) => !gone.has(lease));
    if (renderLeases(kept) !== text) await this.#host.files.writeText(this.#layout.leases, renderLeases(kept));
  }

  /**
   * Has the running dnsmasq give up leases without a host, and waits for it. By dhcp_release(1): a DHCPRELEASE must come
   * in by the guest interface, which takes a socket bound to the device, which Node has not.
   */
  async release(hosts: LineIndex, interfaceName: InterfaceName): Promise<void> {
    const { clock, commands } = this.#host;
    const until = clock.monotonicMs() + releaseTimeoutMs;
    const asked = new Set<string>();
    for (;;) {
      const left = leasesWithoutHost(await this.#settled(), hosts);
      if (left.length === 0) return;
      if (clock.monotonicMs() > until) {
        const addresses = left.map(({ address }) => address).join(', ');
        throw new Error(`dnsmasq did not give up the leases of ${addresses} within ${releaseTimeoutMs} ms`);
      }
      const fresh = left.filter(({ address }) => !asked.has(address));
      for (let start = 0; start < fresh.length; start += releasesAtOnce) {
        const batch = fresh.slice(start, start + releasesAtOnce);
        const run = ({ address, macAddress }: Lease) =>
          commands.run('dhcp_release', [interfaceName, address, macAddress]);
        await Promise.all(batch.map(run));
      }
      for (const { address } of fresh) asked.add(address);
      await clock.sleep(fresh.length > 0 ? 1 : 5);
    }
  }

  /** The leases, read until they are whole: dnsmasq rewrites the file in place. */
  async #settled(): Promise<Lease[]> {
    for (let tries = 0; tries < 100; tries += 1) {
      const leases = readLeases(await this.text());
      if (leases !== null) return leases;
      await this.#host.clock.sleep(2);
    }
    throw new Error(`${this.#layout.leases}: expected a lease file of DHCPv4 over Ethernet`);
  }
}
