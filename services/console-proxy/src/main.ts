// The agent of a console proxy, bundled to one file and run by Node as root: node console-proxy.mjs
// services/agent/src/appliance/run.ts says what stands on its command line.
import { startAppliance } from '@isthmus/agent/appliance';
import packageJson from '../package.json' with { type: 'json' };
import { consoleProxyRole } from './appliance/console-proxy-role.ts';

startAppliance(consoleProxyRole, packageJson.version);
