// CloudStack's kinds of alerts (AlertService.AlertType), by number and name.

/** Every kind, though most are of parts that this release does not have: clients filter by their numbers. */
export const alertTypes: ReadonlyMap<number, string> = new Map([
  [0, 'ALERT.MEMORY'],
  [1, 'ALERT.CPU'],
  [2, 'ALERT.STORAGE'],
  [3, 'ALERT.STORAGE.ALLOCATED'],
  [4, 'ALERT.NETWORK.PUBLICIP'],
  [5, 'ALERT.NETWORK.PRIVATEIP'],
  [6, 'ALERT.STORAGE.SECONDARY'],
  [7, 'ALERT.COMPUTE.HOST'],
  [8, 'ALERT.USERVM'],
  [9, 'ALERT.SERVICE.DOMAINROUTER'],
  [10, 'ALERT.SERVICE.CONSOLEPROXY'],
  [11, 'ALERT.NETWORK.ROUTING'],
  [12, 'ALERT.STORAGE.MISC'],
  [13, 'ALERT.USAGE'],
  [14, 'ALERT.MANAGEMENT'],
  [15, 'ALERT.NETWORK.DOMAINROUTERMIGRATE'],
  [16, 'ALERT.SERVICE.CONSOLEPROXYMIGRATE'],
  [17, 'ALERT.USERVM.MIGRATE'],
  [18, 'ALERT.NETWORK.VLAN'],
  [19, 'ALERT.SERVICE.SSVM'],
  [20, 'ALERT.USAGE.RESULT'],
  [21, 'ALERT.STORAGE.DELETE'],
  [22, 'ALERT.RESOURCE.COUNT'],
  [23, 'ALERT.USAGE.SANITY'],
  [24, 'ALERT.NETWORK.DIRECTPUBLICIP'],
  [25, 'ALERT.STORAGE.LOCAL'],
  [26, 'ALERT.RESOURCE.EXCEED'],
  [27, 'ALERT.TYPE.SYNC'],
  [28, 'ALERT.UPLOAD.FAILED'],
  [29, 'ALERT.OOBM.AUTHERROR'],
  [30, 'ALERT.HA.ACTION'],
  [31, 'ALERT.CA.CERT'],
]);

/** The kinds that this release raises by itself. */
export const hostAlert = 7;
export const routerAlert = 9;
export const consoleProxyAlert = 10;
export const routerMoveAlert = 15;
export const consoleProxyMoveAlert = 16;

/** The number of a kind told by its number or its name; null for none. */
export function alertTypeOf(text: string): number | null {
  const number = /^\d{1,3}$/.test(text) ? Number(text) : null;
  if (number !== null) return alertTypes.has(number) ? number : null;
  const found = [...alertTypes].find(([, name]) => name === text.toUpperCase());
  return found?.[0] ?? null;
}
