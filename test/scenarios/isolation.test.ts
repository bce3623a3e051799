// The scenario of isolation.ts with routers in namespaces.
import { isolation } from './isolation.ts';

isolation();
