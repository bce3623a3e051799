// The scenario of life-cycle.test.ts with a router that is a virtual machine.
import { routersAsVms } from '../lab/cloud.ts';
import { lifeCycle } from './life-cycle.ts';

lifeCycle(routersAsVms);
