// The scenario of life-cycle.ts with routers in namespaces.
import { lifeCycle } from './life-cycle.ts';

lifeCycle();
