// The scenario of port-forwarding.test.ts with a router that is a virtual machine.
import { routersAsVms } from '../lab/cloud.ts';
import { portForwarding } from './port-forwarding.ts';

portForwarding(routersAsVms);
