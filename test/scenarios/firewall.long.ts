// The scenario of firewall.test.ts with a router that is a virtual machine.
import { routersAsVms } from '../lab/cloud.ts';
import { firewall } from './firewall.ts';

firewall(routersAsVms);
