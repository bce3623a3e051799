import type { RouterSettings } from '@isthmus/contract';

/** The section `system` of a router's document. */
export type SystemSettings = RouterSettings['system'];
/** The section `routing` of a router's document. */
export type RoutingSettings = RouterSettings['routing'];
