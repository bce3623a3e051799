// Brings a console proxy to its document, which is pushed whole. The caller holds the system VM's lease.
import { type ConsoleProxyDocument, type Identity, sameIdentity, wholeDocumentHash } from '@isthmus/contract';
import { sql } from 'kysely';
import { PushRefusedError } from '../../drivers/errors.ts';
import { ApiError } from '../../model/api-error.ts';
import type { Lease } from '../../store/lease.ts';
import type { Acknowledgements } from '../appliance-kind.ts';
import { hostFailure } from '../hosts.ts';
import { overtakes } from '../overtake.ts';
import type { Parts } from '../parts.ts';
import { compileDocument } from './document.ts';
import type { SystemVm } from './rows.ts';

type PusherParts = Pick<Parts, 'agents' | 'db' | 'log' | 'sealer' | 'setting'>;

/** A token that the store does not know of any more is overtaken once; a second one is another orchestrator's. */
const mostTries = 3;

export class DocumentPusher implements Acknowledgements {
  readonly #parts: PusherParts;

  constructor(parts: PusherParts) {
    this.#parts = parts;
  }

  /** True where it acknowledged what it is to serve now. */
  async isCurrent(vm: SystemVm): Promise<boolean> {
    const document = await compileDocument(this.#parts, vm);
    if (document === null) return true;
    const acknowledged = await this.acknowledged(vm.id);
    return acknowledged?.hash === wholeDocumentHash(document) && acknowledged.epoch === (await this.#epoch());
  }

  /** Compiles, pushes and writes down what is acknowledged; no push where it serves that already. Throws ApiError. */
  async bringUpToDate(vm: SystemVm, lease: Lease): Promise<void> {
    const document = await compileDocument(this.#parts, vm);
    if (document === null) return;
    const before = await this.acknowledged(vm.id);
    const [epoch, hash] = [await this.#epoch(), wholeDocumentHash(document)];
    if (before?.hash === hash && before.epoch === epoch) return;
    const { generation } = await this.#parts.db
      .updateTable('system_vm')
      .set({ generation: sql<number>`generation + 1` })
      .where('id', '=', vm.id)
      .returning('generation')
      .executeTakeFirstOrThrow();
    await this.#push(vm, { epoch, generation: Number(generation), hash }, document, lease);
  }

  async acknowledged(id: string): Promise<Identity | null> {
    const { db } = this.#parts;
    const row = await db.selectFrom('system_vm').select('acknowledged').where('id', '=', id).executeTakeFirst();
    return row?.acknowledged ?? null;
  }

  async acknowledge(id: string, identity: Identity): Promise<void> {
    await this.#write(id, JSON.stringify(identity));
  }

  async forgetAcknowledgement(id: string): Promise<void> {
    await this.#write(id, null);
  }

  async #write(id: string, acknowledged: string | null): Promise<void> {
    await this.#parts.db.updateTable('system_vm').set({ acknowledged }).where('id', '=', id).execute();
  }

  async #push(vm: SystemVm, target: Identity, document: ConsoleProxyDocument, lease: Lease): Promise<void> {
    const { agents, log } = this.#parts;
    for (let tries = 1; ; tries++) {
      try {
        const { identity } = await agents.inside(vm).putDocument({ fencingToken: lease.token, target, document });
        if (!sameIdentity(identity, target)) {
          throw new ApiError('internal', `${vm.name} acknowledged another document than its own`);
        }
        return await this.acknowledge(vm.id, identity);
      } catch (error) {
        if (tries >= mostTries || !(await overtakes(this.#parts.db, error, lease))) throw failureOf(vm, error);
        log.warn('a console proxy has seen a newer fencing token than the store holds', { name: vm.name });
      }
    }
  }

  async #epoch(): Promise<string> {
    const { value } = await this.#parts.db
      .selectFrom('configuration')
      .select('value')
      .where('name', '=', 'store.epoch')
      .executeTakeFirstOrThrow();
    return value ?? '';
  }
}

function failureOf({ name }: SystemVm, error: unknown): unknown {
  if (!(error instanceof PushRefusedError)) return hostFailure(error);
  const { code, message, detail } = error.refusal;
  if (code === 'stale-fencing-token') {
    return new ApiError('resourceUnavailable', `Another orchestrator took over ${name}; try again`, { cause: error });
  }
  const words = detail === undefined ? message : `${message}: ${detail}`;
  return new ApiError('internal', `The console proxy ${name} refused its document: ${words}`, { cause: error });
}
