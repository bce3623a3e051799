// The scenario of isolation.test.ts with a router that is a virtual machine.
import { routersAsVms } from '../lab/cloud.ts';
import { isolation } from './isolation.ts';

isolation(routersAsVms);
