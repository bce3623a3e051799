import { InterfaceNameSchema, type Nic, NicSchema, validator } from '@isthmus/contract';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HostAgentError } from '../errors.ts';
import { checked, idOf } from './check.ts';

const nicValidator = validator(NicSchema);
const nameValidator = validator(InterfaceNameSchema);

function nameOf(request: FastifyRequest): string {
  return checked(nameValidator, (request.params as { name: string }).name, 'name');
}

/** What can be plugged into. */
interface Pluggable {
  changeNics(id: string, change: (nics: readonly Nic[]) => Nic[]): Promise<void>;
}

/** PUT and DELETE of `base`/nics/:name: plugs a NIC into what may be running, or unplugs it. */
export function serveNics(
  app: FastifyInstance,
  base: string,
  machines: Pluggable,
  report: (id: string) => Promise<object>,
): void {
  app.put(`${base}/nics/:name`, async (request) => {
    const name = nameOf(request);
    const nic = checked(nicValidator, request.body, 'nic');
    if (nic.name !== name) {
      throw new HostAgentError('invalid', `name ${JSON.stringify(nic.name)}: expected ${name}, as in the path`);
    }
    await machines.changeNics(idOf(request), (nics) => {
      const isThere = nics.some((other) => other.name === name);
      return isThere ? nics.map((other) => (other.name === name ? nic : other)) : [...nics, nic];
    });
    return report(idOf(request));
  });
  app.delete(`${base}/nics/:name`, async (request) => {
    const name = nameOf(request);
    await machines.changeNics(idOf(request), (nics) => nics.filter((nic) => nic.name !== name));
    return report(idOf(request));
  });
}
