import { consoleProxy } from './console-proxy/manifest.ts';
import { guest } from './guest/manifest.ts';
import type { ApplianceManifest, ApplianceRole } from './manifest.ts';
import { router } from './router/manifest.ts';
import { secondaryStorage } from './secondary-storage/manifest.ts';

export * from './base/debian.ts';
export { installersOnly } from './base/packages.ts';
export * from './manifest.ts';

/** The manifest of each image. */
export const appliances: Readonly<Record<ApplianceRole, ApplianceManifest>> = {
  router,
  'console-proxy': consoleProxy,
  'secondary-storage': secondaryStorage,
  guest,
};

/** This folder, with a slash at the end: assets of manifests and the locks of packages lie in it. */
export const appliancesFolder = new URL('./', import.meta.url).pathname;
