// The life of an appliance's agent: who it is, its control NIC, what it served last, its API, and the next config drive.
import { type AgentStatus, type ApplianceKind, controlInterface, type Identity } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { createApi } from './api.ts';
import type { BootStages } from './boot-stages.ts';
import { Certificates } from './certificates.ts';
import { ConfigDriveError, type ReadDrive } from './config-drive.ts';
import type { ConsoleLog } from './console-log.ts';
import { ControlServer } from './control-server.ts';
import { type ApplianceIdentity, type FirstPush, IdentityStore, isNewDrive, takeDrive } from './identity-store.ts';
import { bringUpControl, closeUntilServed, isFiltered, strangeNics } from './network.ts';
import type { Place } from './place.ts';
import type { ApplianceRole, Served } from './role.ts';
import { Updates } from './updates.ts';

/** Where an appliance keeps what it writes: `state` survives a start, `run` does not. Absolute. */
interface AppliancePaths {
  readonly state: string;
  readonly run: string;
}

export interface ApplianceOptions {
  readonly role: ApplianceRole;
  readonly host: Host & { readonly log: ConsoleLog };
  readonly place: Place;
  readonly paths: AppliancePaths;
  readonly stages: BootStages;
  /** TCP port of the agent. */
  readonly port: number;
  /** The file that this process runs, absolute, and the version that it is of unless an update says another. */
  readonly program: string;
  readonly version: string;
}

/** Waiting for a first identity, and looking for another one. */
const [waitMs, lookMs] = [500, 10_000];
/** An answer is on its way before the agent that gave it starts again. */
const answerMs = 500;
/** The CD-ROM drive may come up after the agent does. */
const driveMs = 20_000;

/** Throws ConfigDriveError where it is the drive of another kind of appliance. */
function ofKind(drive: ReadDrive, expected: ApplianceKind): ReadDrive {
  const { kind } = drive.config;
  if (kind !== expected) throw new ConfigDriveError(`config.json: kind: ${kind}: expected ${expected}`);
  return drive;
}

export class Appliance {
  readonly #options: ApplianceOptions;
  readonly #store: IdentityStore;
  readonly #end = new AbortController();
  #refusal: string | null = null;
  readonly #updated = new AbortController();
  #isServing = false;
  #served: Served | null = null;
  #server: ControlServer | null = null;

  constructor(options: ApplianceOptions) {
    this.#options = options;
    this.#store = new IdentityStore(options.host.files, `${options.paths.state}/identity`);
  }

  /**
   * Serves until `release`, until a config drive gives the appliance another identity, or until an update came in: the
   * agent then has to start again, and the promise resolves. Throws where the control NIC cannot be brought up, and where
   * NICs of others are in its network namespace.
   */
  async run(): Promise<void> {
    const { host, stages } = this.#options;
    const { identity, push } = await this.#identify();
    stages.end('config drive');
    host.log.announce('identity', { id: identity.id, control: identity.control.address });
    const isNewKernel = await this.#isNewKernel(identity);
    const isClosed = await this.#close(identity, isNewKernel);
    await this.#bringUp(identity);
    stages.end('network');
    const served = await this.#createServed(identity, isNewKernel);
    const hasDocument = push !== null || served.stored !== null;
    if (!isClosed && !hasDocument) await closeUntilServed(host.commands, identity.control);
    // Before the document: a document that cannot be applied is told by whoever can be asked.
    await this.#listen(identity, served);
    await served.begin(push);
    // The packet filter of a document that is in force stands.
    if (!isClosed && hasDocument && !this.#isServing) await closeUntilServed(host.commands, identity.control);
    if (served.stored === null) host.log.announce('waits for its document');
    await this.#mark('started');
    await this.#watchForDrives(identity);
  }

  /** The control API. */
  async #listen(identity: ApplianceIdentity, served: Served): Promise<void> {
    const { host, stages, port } = this.#options;
    const certificates = new Certificates(this.#store, identity, (changed) => this.#server?.use(changed));
    const updates = this.#updates(identity);
    const api = createApi({
      status: () => this.#status(served, updates),
      route: (name) => served.route(name),
      certificates,
      bootReport: () => stages.report(),
      updates: this.#restarting(updates),
      log: host.log,
    });
    this.#server = new ControlServer(identity, api, host.log, served.upgrade?.bind(served));
    await this.#server.listen(identity.control.address, port);
    stages.end('control');
  }

  /** Ends the agent; what a router serves serves on. */
  async release(): Promise<void> {
    this.#end.abort(new Error('the agent was released'));
    await this.#server?.close();
    await this.#served?.release();
  }

  /** Who this is: from a new config drive, else from the state partition; without either, waits for a config drive. */
  async #identify(): Promise<{ readonly identity: ApplianceIdentity; readonly push: FirstPush }> {
    const { clock, log } = this.#options.host;
    const stored = await this.#store.load();
    const until = clock.monotonicMs() + driveMs;
    for (let isFirst = true; ; isFirst = false) {
      const drive = await this.#findDrive();
      if (drive !== null && isNewDrive(stored, drive)) return this.#take(stored, drive);
      if (stored !== null) return { identity: stored, push: drive?.config.bootstrap.push ?? null };
      if (isFirst) log.info('waits for a config drive');
      await clock.sleep(clock.monotonicMs() < until ? waitMs / 2 : waitMs, this.#end.signal);
    }
  }

  /** Safe on disk when it resolves, before anything is done with it. */
  async #take(stored: ApplianceIdentity | null, drive: ReadDrive) {
    const { files, log } = this.#options.host;
    const identity = takeDrive(stored, drive);
    if (stored !== null && stored.id !== identity.id) await files.remove(this.#statePath(stored));
    await this.#store.save(identity);
    log.announce('took the config drive', { id: identity.id });
    return { identity, push: drive.config.bootstrap.push };
  }

  /** The first config drive that is whole. One that is not is told once. */
  async #findDrive(): Promise<ReadDrive | null> {
    const { host, place, role } = this.#options;
    for (const path of await place.drives()) {
      try {
        const drive = await place.readDrive(path, new Date(host.clock.now()));
        if (drive !== null) return ofKind(drive, role.kind);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        if (message === this.#refusal) continue;
        this.#refusal = message;
        const reason = error instanceof ConfigDriveError ? message : `${path}: ${message}`;
        host.log.error('the config drive is refused', { reason });
      }
    }
    return null;
  }

  #statePath({ id }: ApplianceIdentity): string {
    return `${this.#options.paths.state}/appliances/${id}`;
  }

  /**
   * True until an agent has begun in this kernel. Throws where NICs of others are in the appliance's network namespace: its
   * rules and settings are then not the appliance's to change.
   */
  async #isNewKernel(identity: ApplianceIdentity): Promise<boolean> {
    const { host, place, paths } = this.#options;
    if (place.isShared) {
      const strange = strangeNics(await place.links(host), identity);
      if (strange.length === 0) return false;
      throw new Error(`expected a network namespace of its own: NICs of others are in it: ${strange.join(', ')}`);
    }
    if (await host.files.exists(`${paths.run}/begun`)) return false;
    await this.#mark('begun');
    return true;
  }

  /** Marks are gone after a boot. What may come after what is served waits for `started` (appliances/base/boot). */
  async #mark(name: 'begun' | 'started'): Promise<void> {
    const { host, paths } = this.#options;
    await host.files.makeDirectory(paths.run);
    await host.files.writeText(`${paths.run}/${name}`, '');
  }

  /**
   * Rules that admit nothing but the agent's port, before the control NIC is up; true where they stand, or those of a
   * document, which outlive the agent. In a new kernel the NICs are down until such rules are in force.
   */
  async #close({ control }: ApplianceIdentity, isNewKernel: boolean): Promise<boolean> {
    const { host, role } = this.#options;
    if (role.keepsPacketFilter && isNewKernel) return false;
    if (role.keepsPacketFilter && (await isFiltered(host.commands, control))) return true;
    await closeUntilServed(host.commands, control);
    return true;
  }

  /** Names the NICs and brings the control NIC up. */
  async #bringUp(identity: ApplianceIdentity): Promise<void> {
    const { host, place } = this.#options;
    for (let tries = 0; !(await bringUpControl(host.commands, await place.links(host), identity)); tries += 1) {
      if (tries === 0) {
        const { macAddress } = identity.control;
        host.log.warn(`no NIC has the MAC address of ${controlInterface}`, { macAddress });
      }
      await host.clock.sleep(waitMs, this.#end.signal);
    }
  }

  async #createServed(identity: ApplianceIdentity, isNewKernel: boolean): Promise<Served> {
    const { host, paths, role } = this.#options;
    const own = { state: this.#statePath(identity), run: paths.run };
    const onServing = (serving: Identity) => this.#noteServing(serving);
    this.#served = await role.create({ host, paths: own, identity, isNewKernel, onServing });
    return this.#served;
  }

  #noteServing({ generation }: Identity): void {
    const { host, stages } = this.#options;
    if (this.#isServing) return;
    this.#isServing = true;
    stages.end('serving');
    host.log.announce('serving', { generation, boot: stages.summary() });
  }

  #updates({ imageKeys = [] }: ApplianceIdentity): Updates {
    const { host, paths, program, version, role } = this.#options;
    const directory = `${paths.state}/update`;
    return new Updates({ files: host.files, directory, program, version, role: role.kind, imageKeys });
  }

  /** Updates of which each that is taken has the agent start again, once that is answered. */
  #restarting(updates: Updates): Pick<Updates, 'report' | 'take'> {
    const { clock, log } = this.#options.host;
    return {
      report: () => updates.report(),
      take: async (update) => {
        const isTaken = await updates.take(update);
        if (!isTaken) return false;
        log.announce('took an update');
        void clock.sleep(answerMs).then(() => this.#updated.abort());
        return true;
      },
    };
  }

  /** Who is on trial has passed it: it serves, and was reached by somebody with the orchestrator's certificate. */
  async #status(served: Served, updates: Updates): Promise<AgentStatus> {
    const status = await served.status();
    if (status.serving !== null) await updates.keep();
    return status;
  }

  /** Resolves when another config drive came in and is on disk, or an update. */
  async #watchForDrives(identity: ApplianceIdentity): Promise<void> {
    const { clock } = this.#options.host;
    const signal = AbortSignal.any([this.#end.signal, this.#updated.signal]);
    while (!signal.aborted) {
      await clock.sleep(lookMs, signal).catch(() => {});
      const drive = signal.aborted ? null : await this.#findDrive();
      if (drive === null || !isNewDrive(identity, drive)) continue;
      await this.#take((await this.#store.load()) ?? identity, drive);
      return;
    }
  }
}
