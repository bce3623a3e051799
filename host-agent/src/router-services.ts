import type { RouterService, ServiceContext } from '@isthmus/router';

/** The services of a router. */
export function createServices(_context: ServiceContext): readonly RouterService[] {
  return [];
}
