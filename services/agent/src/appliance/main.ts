// The agent of a router in a VM; bundled to one file and run by Node as root: node router.mjs
import packageJson from '../../package.json' with { type: 'json' };
import { routerRole } from './router-role.ts';
import { startAppliance } from './run.ts';

startAppliance(routerRole, packageJson.version);
