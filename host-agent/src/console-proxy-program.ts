// The program of console proxies in namespaces: a file that is run, never imported.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Absolute path of it: beside the bundle that this is part of (npm run bundle:host), or in the checkout. */
export function consoleProxyProgram(): string {
  const beside = fileURLToPath(new URL('./console-proxy.mjs', import.meta.url));
  return existsSync(beside)
    ? beside
    : fileURLToPath(new URL('../../services/console-proxy/src/main.ts', import.meta.url));
}
