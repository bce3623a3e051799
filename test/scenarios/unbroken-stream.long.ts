// The scenario of unbroken-stream.test.ts with a router that is a virtual machine.
import { routersAsVms } from '../lab/cloud.ts';
import { unbrokenStream } from './unbroken-stream.ts';

unbrokenStream(routersAsVms);
