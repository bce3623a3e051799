// A host agent as a process on this machine that listens on loopback, and orchestrators' identities to speak to it with.
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { CertificateGrant, CertificateRole, JoinOffer, JoinToken } from '@isthmus/contract';
import { createHost, silentLog } from '@isthmus/host';
import type { ControlIdentity } from '../../orchestrator/drivers/control-identity.ts';
import { HostClient } from '../../orchestrator/drivers/host-client.ts';
import { type Authority, createAuthority, createKeyPair, issueCertificate } from '../../orchestrator/pki/authority.ts';
import { waitFor } from '../lab/index.ts';

const program = new URL('../../host-agent/src/main.ts', import.meta.url).pathname;
const dayMs = 86_400_000;

/** What a caller's certificate is to say. */
export interface Caller {
  readonly authority?: Authority;
  readonly installation?: string;
  readonly role?: CertificateRole;
  readonly lifetimeMs?: number;
  readonly now?: Date;
  readonly revoked?: readonly string[];
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

export class JoiningHost {
  readonly installation: string;
  readonly token: JoinToken;
  readonly authority: Authority;
  readonly directory: string;
  readonly port: number;
  readonly #machine = createHost({ log: silentLog });
  #pid: number | null = null;
  #starts = 0;

  constructor(place: Pick<JoiningHost, 'installation' | 'authority' | 'directory' | 'port'>) {
    this.installation = place.installation;
    this.authority = place.authority;
    this.directory = place.directory;
    this.port = place.port;
    const secret = randomBytes(32).toString('base64url');
    this.token = { installation: place.installation, hostId: randomUUID(), secret };
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  get identityPath(): string {
    return `${this.directory}/state/host-agent/identity/identity.json`;
  }

  /** By the Unix socket that root has. */
  local(): HostClient {
    return new HostClient(`unix:${this.directory}/run/host-agent.sock`);
  }

  async start(...more: readonly string[]): Promise<void> {
    this.#starts += 1;
    const { directory, installation, port } = this;
    const folders = ['--state', `${directory}/state`, '--run', `${directory}/run`];
    const args = ['--installation', installation, '--listen', `127.0.0.1:${port}`, ...folders, ...more];
    const logPath = `${directory}/log-${this.#starts}`;
    this.#pid = await this.#machine.commands.startDaemon(process.execPath, [program, ...args], { logPath });
    await waitFor('the host agent listens', async () => (await this.log()).includes('the host agent listens'));
  }

  /** What it logged since its last start. */
  log(): Promise<string> {
    return this.#machine.files.readText(`${this.directory}/log-${this.#starts}`);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const pid = this.#pid;
    if (pid === null) return;
    this.#machine.commands.signal(pid, signal);
    await waitFor('it ends', async () => !(await this.#machine.commands.isRunning(pid, process.execPath)));
    this.#pid = null;
  }

  /** The grant that an orchestrator gives to an offer. */
  async grantFor(
    { publicKey }: JoinOffer['request'],
    authority = this.authority,
    hostId = this.token.hostId,
  ): Promise<CertificateGrant> {
    const holder = { installation: this.installation, role: 'host', id: hostId } as const;
    const { certificate } = await issueCertificate(authority, { holder, publicKey, lifetimeMs: dayMs });
    return { certificate, authorities: [authority.certificate], revoked: [] };
  }

  /** Who calls, and the serial number of its certificate. It trusts the host's CA whoever signed its own. */
  async caller(caller: Caller = {}): Promise<{ identity: ControlIdentity; serialNumber: string }> {
    const { authority = this.authority, installation = this.installation, role = 'orchestrator' } = caller;
    const { privateKey, publicKey } = createKeyPair();
    const holder = { installation, role, id: 'one' };
    const issue = { holder, publicKey, lifetimeMs: caller.lifetimeMs ?? dayMs };
    const issued = await issueCertificate(authority, caller.now === undefined ? issue : { ...issue, now: caller.now });
    const shown = { certificate: issued.certificate, privateKey, authorities: [this.authority.certificate] };
    const revoked = caller.revoked ?? [];
    const identity: ControlIdentity = {
      // The host's, so that only the host refuses.
      installation: this.installation,
      current: () => shown,
      isRevoked: (serialNumber) => revoked.includes(serialNumber),
    };
    return { identity, serialNumber: issued.serialNumber };
  }

  async client(caller: Caller = {}): Promise<HostClient> {
    const { identity } = await this.caller(caller);
    return new HostClient(this.url, { hostId: this.token.hostId, identity });
  }
}

/** A host that has not started yet; ended and removed with the test. */
export async function joiningHost(t: { teardown(end: () => Promise<void>): void }): Promise<JoiningHost> {
  const installation = `j${randomBytes(3).readUIntBE(0, 3).toString(36).padStart(3, '0').slice(-3)}`;
  const directory = await mkdtemp('/tmp/isthmus-join-');
  const host = new JoiningHost({
    ...{ installation, directory },
    authority: await createAuthority(installation),
    port: await freePort(),
  });
  t.teardown(async () => {
    await host.stop('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  });
  return host;
}
