// The lines of `ip -batch` that lead from one state to another. What is right already is not touched.
import type { DefaultRoute, LinkState, RoutingState } from './state.ts';

function routeText({ family, gateway, interface: name, source, metric }: DefaultRoute): string {
  return [
    family === 6 ? '::/0' : 'default',
    ...(gateway === null ? [] : ['via', gateway]),
    'dev',
    name,
    ...(source === null ? [] : ['src', source]),
    ...(metric === null ? [] : ['metric', String(metric)]),
  ].join(' ');
}

function added(before: LinkState | undefined, after: LinkState): string[] {
  const present = new Set(before?.addresses);
  return after.addresses
    .filter((address) => !present.has(address))
    .map((address) => `address replace ${address} dev ${after.name}`);
}

function removed(before: LinkState, after: LinkState | undefined): string[] {
  const kept = new Set(after?.addresses);
  return before.addresses
    .filter((address) => !kept.has(address))
    .map((address) => `address delete ${address} dev ${before.name}`);
}

function linkLines(before: LinkState | undefined, after: LinkState): string[] {
  const words = [
    ...(before?.mtu === after.mtu ? [] : ['mtu', String(after.mtu)]),
    ...(after.up && before?.up !== true ? ['up'] : []),
  ];
  return words.length === 0 ? [] : [`link set dev ${after.name} ${words.join(' ')}`];
}

/**
 * The lines from `before` to `after`, each ended by a line break; empty where there is nothing to do. New addresses come
 * before the old go, so that a route through the interface's network stays. An interface that `after` does not name
 * loses its addresses and goes down.
 */
export function renderBatch(before: RoutingState, after: RoutingState): string {
  const beforeByName = new Map(before.links.map((link) => [link.name, link]));
  const afterByName = new Map(after.links.map((link) => [link.name, link]));
  const wanted = new Set(after.defaultRoutes.map(routeText));
  const present = new Set(before.defaultRoutes.map(routeText));
  const lines = [
    ...after.links.flatMap((link) => [
      ...added(beforeByName.get(link.name), link),
      ...linkLines(beforeByName.get(link.name), link),
    ]),
    ...after.defaultRoutes
      .map(routeText)
      .filter((route) => !present.has(route))
      .map((route) => `route replace ${route}`),
    ...before.defaultRoutes
      .filter((route) => !wanted.has(routeText(route)) && !replaced(route, after.defaultRoutes))
      .map((route) => `route delete ${routeText(route)}`),
    ...before.links.flatMap((link) => removed(link, afterByName.get(link.name))),
    // Last: the kernel drops the routes of an interface that goes down, and none would be left to delete.
    ...before.links
      .filter(({ name, up }) => up && afterByName.get(name)?.up !== true)
      .map(({ name }) => `link set dev ${name} down`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** `route replace` takes the place of the route of its family with the same metric. */
function replaced(route: DefaultRoute, after: readonly DefaultRoute[]): boolean {
  return after.some(({ family, metric }) => family === route.family && (metric ?? 0) === (route.metric ?? 0));
}
