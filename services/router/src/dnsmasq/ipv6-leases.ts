// Leases of DHCPv6 that a host has no right to any more. A client gives one up itself or not at all, so dnsmasq is started
// anew without them: 30 ms, and no guest hears of it.
import { ConfigSyntaxError, type Ipv6LeaseLine, parseIpv6Leases, renderIpv6Leases } from '@isthmus/dnsmasq-config';
import type { Host } from '@isthmus/host';
import type { InstanceLayout } from './instances.ts';
import type { EntryLine, LineIndex } from './lines.ts';

export class Ipv6Leases {
  readonly #host: Host;
  readonly #layout: InstanceLayout;

  constructor(host: Host, layout: InstanceLayout) {
    this.#host = host;
    this.#layout = layout;
  }

  /** The lines of the file; null where it cannot be read as one, as while dnsmasq writes it anew. */
  async #lines(): Promise<Ipv6LeaseLine[] | null> {
    const text = (await this.#host.files.readTextIfExists(this.#layout.leases)) ?? '';
    try {
      return parseIpv6Leases(text);
    } catch (error) {
      if (error instanceof ConfigSyntaxError) return null;
      throw error;
    }
  }

  /** The file, read until it is whole: dnsmasq rewrites it in place. '' where it stays unreadable. */
  async text(): Promise<string> {
    for (let tries = 0; tries < 100; tries += 1) {
      const lines = await this.#lines();
      if (lines !== null) return renderIpv6Leases(lines);
      await this.#host.clock.sleep(2);
    }
    this.#host.log.warn('the lease file of DHCPv6 is not readable', { path: this.#layout.leases });
    return '';
  }

  /** Replaces the file; dnsmasq must not be running. Throws ConfigSyntaxError where the text is not one. */
  async write(text: string): Promise<void> {
    await this.#host.files.writeText(this.#layout.leases, renderIpv6Leases(parseIpv6Leases(text)));
  }

  /** True where there is a lease of an address that no host has, or that another has now: one of a line of `gone`. */
  async hasStray(hosts: LineIndex, gone: readonly EntryLine[]): Promise<boolean> {
    const lines = await this.#lines();
    return lines === null || lines.some((line) => isStray(line, hosts, gone));
  }

  /** Takes those leases out of the file; dnsmasq must not be running. A file that cannot be read goes. */
  async prune(hosts: LineIndex, gone: readonly EntryLine[]): Promise<void> {
    const lines = await this.#lines();
    if (lines === null) this.#host.log.warn('the lease file of DHCPv6 was not readable and is begun anew', {});
    const kept = (lines ?? []).filter((line) => !isStray(line, hosts, gone));
    if (lines?.length !== kept.length) await this.#host.files.writeText(this.#layout.leases, renderIpv6Leases(kept));
  }
}

function isStray(line: Ipv6LeaseLine, hosts: LineIndex, gone: readonly EntryLine[]): boolean {
  if ('serverDuid' in line) return false;
  const claim = `ipv6Address ${line.address}`;
  return hosts.owner(claim) === undefined || gone.some(({ unique }) => unique.includes(claim));
}
