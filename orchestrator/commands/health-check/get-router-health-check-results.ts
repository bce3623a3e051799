import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { field } from '../response-field.ts';
import { healthCheckFields, healthChecksOf } from './response.ts';

/** getRouterHealthCheckResults: the results that were fetched last; with `performfreshchecks` of checks made for this call. */
export const getRouterHealthCheckResults = syncCommand({
  name: 'getRouterHealthCheckResults',
  description: 'Shows the results of the health checks of a router',
  roles: ['Admin'],
  parameters: {
    routerid: p.entity('router').required('The router'),
    performfreshchecks: p.boolean.optional('True: it carries its checks out now, which takes seconds'),
  },
  responseKey: 'routerhealthchecks',
  responseFields: {
    routerid: field.string('The id of the router'),
    healthchecks: field.list('The results', healthCheckFields),
  },
  handler: async ({ db, orchestration, setting }, { routerid, performfreshchecks }) => {
    if (performfreshchecks === true) {
      if ((await setting('router.health.checks.enabled')).toLowerCase() !== 'true') {
        throw parameterError('performfreshchecks', true, 'the setting router.health.checks.enabled to be true');
      }
      if (routerid.state !== 'Running') {
        throw parameterError('routerid', routerid.id, `a router in state Running, not ${routerid.state}`);
      }
      await orchestration.checkRouterHealth(routerid.id);
    }
    const results = await healthChecksOf(db, [routerid.id]);
    return { routerid: routerid.id, healthchecks: results.get(routerid.id) ?? [] };
  },
});
