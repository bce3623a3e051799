import { ApplianceStateSchema, PortsSchema, validator } from '@isthmus/contract';
import type { FastifyInstance } from 'fastify';
import { applianceValidator } from '../appliances.ts';
import { bootstrapValidator } from '../control/config-drives.ts';
import type { HostAgent } from '../host-agent.ts';
import { checked, idOf } from './check.ts';
import { serveNics } from './nic-routes.ts';

const stateValidator = validator(ApplianceStateSchema);
const portsValidator = validator(PortsSchema);

/** Paths of /v1/appliances. */
export function serveAppliances(app: FastifyInstance, agent: HostAgent): void {
  const { appliances } = agent;
  const { machines } = appliances;
  app.get('/v1/appliances', () => appliances.list());
  app.get('/v1/appliances/:id', (request) => appliances.report(idOf(request)));
  app.put('/v1/appliances/:id', async (request) => {
    await appliances.put(idOf(request), checked(applianceValidator, request.body, 'appliance'));
    return appliances.report(idOf(request));
  });
  app.delete('/v1/appliances/:id', async (request, reply) => {
    await machines.delete(idOf(request));
    return reply.code(204).send();
  });
  for (const step of ['start', 'stop', 'reboot'] as const) {
    app.post(`/v1/appliances/:id/${step}`, async (request) => {
      await machines[step](idOf(request));
      return appliances.report(idOf(request));
    });
  }
  serveNics(app, '/v1/appliances/:id', machines, (id) => appliances.report(id));
  // Its shape is the agent's to check, which names the paths of the document.
  app.post('/v1/appliances/:id/push', (request) => appliances.push(idOf(request), request.body));
  app.get('/v1/appliances/:id/status', (request) => appliances.status(idOf(request)));
  app.get('/v1/appliances/:id/state', (request) => appliances.exportState(idOf(request)));
  app.put('/v1/appliances/:id/state', async (request, reply) => {
    await appliances.importState(idOf(request), checked(stateValidator, request.body, 'state'));
    return reply.code(204).send();
  });
  app.put('/v1/appliances/:id/ports', async (request, reply) => {
    await appliances.orderPorts(idOf(request), checked(portsValidator, request.body, 'ports'));
    return reply.code(204).send();
  });
  app.post('/v1/appliances/:id/operations/:name', (request) => {
    const { name } = request.params as { name: string };
    return appliances.operate(idOf(request), name, request.body);
  });
  app.put('/v1/appliances/:id/config-drive', async (request, reply) => {
    await appliances.putConfigDrive(idOf(request), checked(bootstrapValidator, request.body, 'bootstrap'));
    return reply.code(204).send();
  });
  app.post('/v1/appliances/:id/eject-config-drive', async (request) => {
    await appliances.ejectConfigDrive(idOf(request));
    return appliances.report(idOf(request));
  });
}
