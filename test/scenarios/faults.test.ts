// The scenario of faults.ts with routers in namespaces.
import { faults } from './faults.ts';

faults();
