// A router's namespace whose metadata is served by this process, with two guests on the other side of its eth0.
import type { Server } from 'node:net';
import type { MetadataGuest, MetadataPassword, RouterDocument, RouterEntry } from '@isthmus/contract';
import type { Sockets } from '@isthmus/host';
import { parseHostname, parseIpv4Address } from '@isthmus/net';
import { documentOf, enforce, fullChange, type Lab, settings, withLab } from '../namespace-fixture.ts';
import type { DocumentChange, RouterService, ServiceContext } from '../service.ts';
import { createMetadataService } from './metadata.ts';

export const gateway = '10.1.1.1';
export const linkLocal = '169.254.169.254';
export const [guestA, guestB] = ['10.1.1.5', '10.1.1.6'];

const metadata = {
  enabled: true,
  interface: settings.metadata.interface,
  addresses: [gateway, linkLocal].map(parseIpv4Address),
};
const served = { ...settings, metadata };

export function guest(address: string, changes: Partial<MetadataGuest> = {}): MetadataGuest {
  const id = `vm-${address}`;
  return {
    address: parseIpv4Address(address),
    localHostname: parseHostname(`h${address.replaceAll('.', '-')}`),
    instanceId: id,
    vmId: id,
    serviceOffering: 'Small Instance',
    availabilityZone: 'zone-1',
    cloudIdentifier: 'CloudStack-{1}',
    publicKeys: [`ssh-ed25519 AAAA key-of-${address}`],
    userData: Buffer.from(`data of ${address}`).toString('base64'),
    ...changes,
  };
}

export function password(address: string, version: string, text = `secret-${version}`): MetadataPassword {
  return { address: parseIpv4Address(address), version, password: text };
}

type Collection = 'metadata.guests' | 'metadata.passwords';

/** One service and the document that it serves. */
export class Bench {
  readonly service: RouterService;
  readonly document: RouterDocument;

  constructor(context: ServiceContext, document: RouterDocument = documentOf({}, served)) {
    this.service = createMetadataService(context);
    this.document = document;
  }

  #entries(name: Collection): Map<string, RouterEntry> {
    return this.document.entries[name] as unknown as Map<string, RouterEntry>;
  }

  /** Edits the document; null takes an entry out. The change is what the agent would pass on. */
  change(name: Collection, edit: Readonly<Record<string, RouterEntry | null>>): DocumentChange {
    const entries = this.#entries(name);
    const changes = Object.entries(edit).map(([id, after]) => {
      const before = entries.get(id);
      if (after === null) entries.delete(id);
      else entries.set(id, after);
      return { id, ...(before === undefined ? {} : { before }), ...(after === null ? {} : { after }) };
    });
    const none = Object.keys(this.document.entries).map((each) => [each, []]);
    return {
      full: false,
      document: this.document,
      sections: new Set(),
      entries: { ...Object.fromEntries(none), [name]: changes },
    };
  }

  async put(name: Collection, edit: Readonly<Record<string, RouterEntry | null>>): Promise<void> {
    await enforce(this.service, this.change(name, edit));
  }

  /** The whole document, as at boot. */
  async boot(): Promise<void> {
    await enforce(this.service, fullChange(this.document));
  }
}

export interface MetadataLab extends Lab {
  /** What curl prints in the guests' namespace from the address; further words are curl's. */
  readonly curl: (source: string, url: string, ...words: string[]) => Promise<string>;
}

/** Guests A and B share a namespace, each with its address. */
export async function withMetadataLab(use: (lab: MetadataLab) => Promise<void>): Promise<void> {
  await withLab(async (lab) => {
    for (const address of [`${gateway}/24`, `${linkLocal}/32`]) {
      await lab.see('ip', 'address', 'add', address, 'dev', 'eth0');
    }
    await lab.see('ip', 'link', 'set', 'eth0', 'up');
    for (const address of [guestA, guestB])
      await lab.seeBeyond('ip', 'address', 'add', `${address}/24`, 'dev', 'guest');
    await lab.seeBeyond('ip', 'route', 'add', 'default', 'via', gateway);
    // The wire carries once both of its ends have a carrier: on a busy machine that is later than the commands.
    await lab.seeBeyond('ping', '-q', '-n', '-c', '1', '-w', '20', gateway);
    const { host } = lab.context;
    const listening: Server[] = [];
    // A service that a failed test did not shut down would hold the process.
    const listen: Sockets['listen'] = async (endpoints) => {
      const servers = await host.sockets.listen(endpoints);
      listening.push(...servers);
      return servers;
    };
    const context = { ...lab.context, host: { ...host, sockets: { ...host.sockets, listen } } };
    const curl = async (source: string, url: string, ...words: string[]) =>
      (
        await lab.beyond.commands.run('curl', ['-s', '-m', '60', '--interface', source, ...words, url], {
          okCodes: [0, 7, 28, 52, 56],
          timeoutMs: 90_000,
        })
      ).stdout;
    try {
      await use({ ...lab, context, curl });
    } finally {
      for (const server of listening) server.close();
    }
  });
}
