// The scenario of guest-services.ts with routers in namespaces.
import { guestServices } from './guest-services.ts';

guestServices();
