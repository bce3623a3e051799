import { MigrationSchema, validator } from '@isthmus/contract';
import type { FastifyInstance } from 'fastify';
import type { HostAgent } from '../host-agent.ts';
import { instanceValidator } from '../instances.ts';
import { checked, idOf } from './check.ts';
import { serveNics } from './nic-routes.ts';

const migrationValidator = validator(MigrationSchema);

/** Paths of /v1/instances. */
export function serveInstances(app: FastifyInstance, agent: HostAgent): void {
  const { instances } = agent;
  const { machines } = instances;
  app.get('/v1/instances', () => instances.list());
  app.get('/v1/instances/:id', (request) => instances.report(idOf(request)));
  app.put('/v1/instances/:id', async (request) => {
    const spec = checked(instanceValidator, request.body, 'instance');
    await agent.incomingIfAny()?.withdraw(idOf(request));
    await machines.put(idOf(request), spec);
    return instances.report(idOf(request));
  });
  app.delete('/v1/instances/:id', async (request, reply) => {
    await agent.incomingIfAny()?.withdraw(idOf(request));
    await machines.delete(idOf(request));
    return reply.code(204).send();
  });
  for (const step of ['start', 'stop', 'reboot'] as const) {
    app.post(`/v1/instances/:id/${step}`, async (request) => {
      await machines[step](idOf(request));
      return instances.report(idOf(request));
    });
  }
  serveNics(app, '/v1/instances/:id', machines, (id) => instances.report(id));
  app.post('/v1/instances/:id/migrate', async (request, reply) => {
    const { destination } = checked(migrationValidator, request.body, 'migration');
    const { driver } = agent.vms();
    await machines.handOver(idOf(request), {
      give: (id) => driver.migrateInstance(id, destination),
      isHere: async (id) => (await driver.instancePresence(id)) !== 'absent',
    });
    return reply.code(204).send();
  });
}
