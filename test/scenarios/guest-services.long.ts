// The scenario of guest-services.test.ts with a router that is a virtual machine.
import { routersAsVms } from '../lab/cloud.ts';
import { guestServices } from './guest-services.ts';

guestServices(routersAsVms);
