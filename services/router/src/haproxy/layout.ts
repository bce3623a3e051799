// Where the files of a router's HAProxy lie.
import { type ConfigPath, parseConfigPath } from '@isthmus/haproxy-config';
import type { LoadBalancerPaths } from '@isthmus/templates/load-balancing';
import type { RouterPaths } from '../service.ts';

/**
 * All but the counters lies in the run directory: it is empty after a boot, and then comes again from the document, as the
 * process does. So no certificate's key stays on a disk besides the agent's own document.
 */
export interface HaproxyLayout extends LoadBalancerPaths {
  readonly run: string;
  /** Directory of the configuration, which HAProxy reads in the order of the names: `global.cfg`, then `rule-ID.cfg`. */
  readonly config: ConfigPath;
  readonly masterSocket: ConfigPath;
  readonly pidFile: string;
  readonly log: string;
  /** Stands while files and process may differ, so that an agent that ended in between knows it. */
  readonly unsettled: string;
  readonly counters: string;
}

function below(root: string, counters: string): HaproxyLayout {
  return {
    run: root,
    config: parseConfigPath(`${root}/config`),
    certificates: parseConfigPath(`${root}/certificates`),
    certificateLists: parseConfigPath(`${root}/lists`),
    chroot: parseConfigPath(`${root}/empty`),
    masterSocket: parseConfigPath(`${root}/master`),
    pidFile: `${root}/pid`,
    log: `${root}/log`,
    unsettled: `${root}/unsettled`,
    counters,
  };
}

/** The layout below a router's directories. Throws InvalidValueError where a path holds a character that a file cannot. */
export function haproxyLayout(paths: RouterPaths): HaproxyLayout {
  return below(`${paths.run}/haproxy`, `${paths.state}/haproxy/counters`);
}

/** The same for files that are only checked. */
export function stagedLayout(layout: HaproxyLayout): HaproxyLayout {
  return below(`${layout.run}/staged`, layout.counters);
}

/** The file of a rule's proxy by the rule's id. */
export function proxyPath({ config }: HaproxyLayout, ruleId: string): string {
  return `${config}/rule-${ruleId}.cfg`;
}

/** The rule's id of a path of `proxyPath` somewhere in a text of HAProxy's; null where there is none. */
export function ruleIdIn(text: string): string | null {
  return /\/rule-([A-Za-z0-9._-]+)\.cfg/.exec(text)?.[1] ?? null;
}

/** The file before those of the rules. */
export function globalPath({ config }: HaproxyLayout): string {
  return `${config}/global.cfg`;
}
