// Which driver this machine's host agent runs with, before anything is installed: what to install follows from it.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { root, SetupError } from './repository.mjs';

/**
 * The driver that `--driver` names, else the one that the installation was begun with. Throws SetupError on any other.
 * @param {readonly string[]} args
 * @returns {'namespace' | 'libvirt'}
 */
export function driverOf(args) {
  const place = args.indexOf('--driver');
  if (place === -1) return begunWith();
  const driver = args[place + 1];
  if (driver === 'namespace' || driver === 'libvirt') return driver;
  throw new SetupError(`--driver ${driver ?? ''}: expected namespace or libvirt`);
}

/** @returns {'namespace' | 'libvirt'} */
function begunWith() {
  try {
    const path = `${resolve(process.env.ISTHMUS_DATA ?? `${root}/var`)}/installation.json`;
    return JSON.parse(readFileSync(path, 'utf8')).driver === 'libvirt' ? 'libvirt' : 'namespace';
  } catch {
    return 'namespace';
  }
}
