// The scenario of port-forwarding.ts with routers in namespaces.
import { portForwarding } from './port-forwarding.ts';

portForwarding();
