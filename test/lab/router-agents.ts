// The agents of a cloud's routers, wherever they are: in a host agent's process, or in a VM, which is asked over mutual TLS
// with a certificate that the cloud's own CA issues to the lab.
import type { AgentStatus, ApplianceState } from '@isthmus/contract';
import { readSetting } from '@isthmus/orchestrator/commands/settings';
import { ApplianceClient } from '@isthmus/orchestrator/drivers/appliance-client';
import { HostClient } from '@isthmus/orchestrator/drivers/host-client';
import { openSealer } from '@isthmus/orchestrator/pki/master-key';
import { Certificates } from '@isthmus/orchestrator/reconcile/certificates';
import type { Db } from '@isthmus/orchestrator/store/database';
import type { Lab } from './index.ts';

/** What is asked of a router's agent. */
export interface RouterAgent {
  status(): Promise<AgentStatus>;
  state(): Promise<ApplianceState>;
}

/** The agent of a router. `index` is that of the hypervisor that carries it. `data` holds the installation's master key. */
export async function vmRouterAgent(
  { lab, db, data }: { readonly lab: Lab; readonly db: Db; readonly data: string },
  index: number,
  id: string,
): Promise<RouterAgent> {
  const sealer = await openSealer({ files: lab.machine.files, path: `${data}/credentials/master.key`, env: {} });
  const setting = (name: string) => readSetting(db, name);
  const options = { db, sealer, installation: lab.installation, holder: 'lab', setting };
  const { identity } = await Certificates.open(options);
  const ask = async <Answer>(question: (client: ApplianceClient) => Promise<Answer>): Promise<Answer> => {
    const host = new HostClient(`unix:${lab.hypervisors.hostAgentSocket(index)}`);
    const client = new ApplianceClient({ id, identity, openTunnel: () => host.openTunnel(id) });
    try {
      return await question(client);
    } finally {
      client.close();
      host.close();
    }
  };
  return { status: () => ask((client) => client.status()), state: () => ask((client) => client.exportState()) };
}
