// The scenario of firewall.ts with routers in namespaces.
import { firewall } from './firewall.ts';

firewall();
