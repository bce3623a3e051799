// Certificates renewed in time over the connections that they secure, and peers told what is revoked.
import type { CertificateGrant, CertificateRequest, Revocations } from '@isthmus/contract';
import { HostRefusedError } from '../drivers/errors.ts';
import type { CertificateRow } from '../store/certificate.ts';
import { goodCertificates } from '../store/certificate.ts';
import { type Subject, serialNumberOf } from './certificates.ts';
import type { Parts } from './parts.ts';

/** What is asked of the client of a host agent or of an appliance's agent. */
interface PeerClient {
  certificateRequest(): Promise<CertificateRequest>;
  putCertificate(grant: CertificateGrant): Promise<unknown>;
  putRevocations(revocations: Revocations): Promise<unknown>;
  /** Serial number that the peer showed last, where that is known. */
  shownSerialNumber(): string | null;
  /** The next call makes a new connection. */
  renewConnections(): void;
}

/** `isLocal`: a host of this machine, on a Unix socket, where it never shows its certificate. */
interface Peer {
  readonly subject: Subject;
  readonly name: string;
  readonly client: PeerClient;
  readonly isLocal?: boolean;
}

/** Peers that are spoken to at a time. */
const atOnce = 8;

export class CertificateRotation {
  readonly #parts: Parts;
  /** The list of revoked serial numbers that each peer has, as far as this orchestrator told it. */
  readonly #told = new Map<string, string>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** One round: every peer that can be reached has a certificate with more than half of its life, and the newest list. */
  async round(): Promise<void> {
    const { certificates, db } = this.#parts;
    await certificates.tidy();
    const good = await goodCertificates(db);
    const peers = [...(await this.#hosts()), ...(await this.#routers()), ...(await this.#systemVms())];
    const present = new Set(peers.map(keyOf));
    for (const key of this.#told.keys()) if (!present.has(key)) this.#told.delete(key);
    const queue = peers.values();
    await Promise.all(Array.from({ length: atOnce }, () => this.#serve(queue, good)));
  }

  async #serve(queue: Iterator<Peer>, good: readonly CertificateRow[]): Promise<void> {
    for (let next = queue.next(); next.done !== true; next = queue.next()) {
      const peer = next.value;
      await this.#look(peer, good).catch((error: unknown) => {
        this.#parts.log.warn('a peer could not be told of certificates', { peer: peer.name, error: String(error) });
      });
    }
  }

  async #look(peer: Peer, good: readonly CertificateRow[]): Promise<void> {
    const { certificates } = this.#parts;
    const { role, id } = peer.subject;
    const own = good.filter((row) => row.role === role && row.subject_id === id);
    if (peer.isLocal === true) {
      await this.#lookLocally(peer, own[0]);
      return;
    }
    // What it shows counts, not what was issued last: a grant may have been lost on its way.
    const shown = peer.client.shownSerialNumber();
    const inUse = shown === null ? own[0] : own.find((row) => row.serial_number === shown);
    if (inUse === undefined ? shown !== null : certificates.isDue(inUse)) {
      await this.#renew(peer);
      return;
    }
    const revoked = certificates.revoked();
    const list = revoked.join(' ');
    if ((this.#told.get(keyOf(peer)) ?? '') === list) return;
    await peer.client.putRevocations({ revoked });
    this.#told.set(keyOf(peer), list);
  }

  /** The first list that it is told says whether it has a certificate: it refuses one where its grant got lost. */
  async #lookLocally(peer: Peer, newest: CertificateRow | undefined): Promise<void> {
    const { certificates } = this.#parts;
    if (newest === undefined || certificates.isDue(newest)) {
      await this.#renew(peer);
      return;
    }
    const revoked = certificates.revoked();
    const list = revoked.join(' ');
    if (this.#told.get(keyOf(peer)) === list) return;
    try {
      await peer.client.putRevocations({ revoked });
      this.#told.set(keyOf(peer), list);
    } catch (error) {
      if (!(error instanceof HostRefusedError)) throw error;
      await this.#renew(peer);
    }
  }

  async #renew({ subject, name, client }: Peer): Promise<void> {
    const { certificates, log } = this.#parts;
    const grant = await certificates.grant(subject, await client.certificateRequest());
    await client.putCertificate(grant);
    client.renewConnections();
    log.info('certificate is renewed', { peer: name, serialNumber: serialNumberOf(grant.certificate) });
  }

  /** Those that joined; with them those of this machine, which lead to consoles of the others. */
  async #hosts(): Promise<Peer[]> {
    const rows = await this.#parts.db
      .selectFrom('host')
      .select(['id', 'name', 'url'])
      .where('state', '=', 'Up')
      .execute();
    const hasJoined = rows.some(({ url }) => url.startsWith('https:'));
    return rows.flatMap(({ id, name, url }): Peer[] => {
      const isLocal = url.startsWith('unix:');
      if (isLocal ? !hasJoined : !url.startsWith('https:')) return [];
      return [{ subject: { role: 'host', id }, name, client: this.#parts.hosts.at(url, id), isLocal }];
    });
  }

  async #routers(): Promise<Peer[]> {
    const rows = await this.#parts.db
      .selectFrom('router')
      .innerJoin('host', 'host.id', 'router.host_id')
      .select(['router.id', 'router.name', 'router.host_id'])
      .where('host.driver', '=', 'libvirt')
      .where('host.state', '=', 'Up')
      .where('router.state', '=', 'Running')
      .where('router.bootstrapped', '=', true)
      .execute();
    return this.#peersOf(rows);
  }

  async #systemVms(): Promise<Peer[]> {
    const rows = await this.#parts.db
      .selectFrom('system_vm')
      .innerJoin('host', 'host.id', 'system_vm.host_id')
      .select(['system_vm.id', 'system_vm.name', 'system_vm.host_id'])
      .where('host.state', '=', 'Up')
      .where('system_vm.state', '=', 'Running')
      .where('system_vm.bootstrapped', '=', true)
      .execute();
    return this.#peersOf(rows);
  }

  #peersOf(rows: readonly { readonly id: string; readonly name: string; readonly host_id: string | null }[]): Peer[] {
    return rows.map(({ id, name, host_id }) => ({
      subject: { role: 'appliance', id },
      name,
      client: this.#parts.agents.inside({ id, host_id }),
    }));
  }
}

function keyOf({ subject }: Peer): string {
  return `${subject.role} ${subject.id}`;
}
