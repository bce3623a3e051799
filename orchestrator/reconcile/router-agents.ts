// Whom to ask about a router's document: its agent in the host agent's process (namespaces), or in its own VM.
import type {
  Acknowledgement,
  AgentStatus,
  ApplianceState,
  OperationAnswer,
  OperationName,
  OperationRequest,
  Push,
} from '@isthmus/contract';
import { ApplianceClient } from '../drivers/appliance-client.ts';
import type { ControlIdentity } from '../drivers/control-identity.ts';
import { ApiError } from '../model/api-error.ts';
import type { Db } from '../store/database.ts';
import type { Hosts } from './hosts.ts';

/** A router's agent, wherever it runs. Calls throw what HostClient and ApplianceClient throw. */
export interface RouterAgent {
  status(): Promise<AgentStatus>;
  push(push: Push): Promise<Acknowledgement>;
  exportState(): Promise<ApplianceState>;
  importState(state: ApplianceState): Promise<unknown>;
  operate<Name extends OperationName>(name: Name, request: OperationRequest<Name>): Promise<OperationAnswer<Name>>;
}

/** What is asked of a router's row. */
interface Located {
  readonly id: string;
  readonly host_id: string | null;
}

interface Connected {
  readonly hostId: string;
  readonly client: ApplianceClient;
}

export class RouterAgents {
  readonly #db: Db;
  readonly #hosts: Hosts;
  readonly #identity: ControlIdentity;
  readonly #connected = new Map<string, Connected>();

  constructor({ db, hosts, identity }: { db: Db; hosts: Hosts; identity: ControlIdentity }) {
    this.#db = db;
    this.#hosts = hosts;
    this.#identity = identity;
  }

  /** The agent of a router by its host's driver. Throws 534 where it has no host. */
  async of(router: Located): Promise<RouterAgent> {
    if (await this.isVirtualMachine(router)) return this.inside(router);
    const { id } = router;
    const client = await this.#hosts.client(router.host_id);
    return {
      status: () => client.applianceStatus(id),
      push: (push) => client.push(id, push),
      exportState: () => client.exportState(id),
      importState: (state) => client.importState(id, state),
      operate: (name, request) => client.operate(id, name, request),
    };
  }

  /** True where the router's host carries VMs. */
  async isVirtualMachine({ host_id: hostId }: Located): Promise<boolean> {
    if (hostId === null) return false;
    const host = await this.#db.selectFrom('host').select('driver').where('id', '=', hostId).executeTakeFirst();
    return host?.driver === 'libvirt';
  }

  /** The agent in the router's VM. Throws 534 where it has no host. */
  inside({ id, host_id: hostId }: Located): ApplianceClient {
    if (hostId === null) throw new ApiError('resourceUnavailable', 'It has no host');
    const known = this.#connected.get(id);
    if (known?.hostId === hostId) return known.client;
    known?.client.close();
    const client = new ApplianceClient({
      id,
      identity: this.#identity,
      openTunnel: async () => (await this.#hosts.client(hostId)).openTunnel(id),
    });
    this.#connected.set(id, { hostId, client });
    return client;
  }

  /** Ends the connections to a router that is gone. */
  forget(id: string): void {
    this.#connected.get(id)?.client.close();
    this.#connected.delete(id);
  }

  close(): void {
    for (const id of [...this.#connected.keys()]) this.forget(id);
  }
}
