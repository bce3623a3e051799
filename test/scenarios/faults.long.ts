// The scenario of faults.test.ts with a router that is a virtual machine.
import { routersAsVms } from '../lab/cloud.ts';
import { faults } from './faults.ts';

faults(routersAsVms);
