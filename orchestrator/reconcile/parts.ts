import type { Db } from '../store/database.ts';
import type { Log } from '../store/log.ts';
import type { Coalescer } from './coalescer.ts';
import type { Hosts } from './hosts.ts';
import type { NetworkLock } from './network-lock.ts';
import type { Refusals, RouterPusher } from './router-pusher.ts';

/** What the flows of this folder work with. */
export interface Parts {
  readonly db: Db;
  readonly log: Log;
  readonly hosts: Hosts;
  readonly lock: NetworkLock;
  readonly pusher: RouterPusher;
  /** Brings a network's router up to date; many changes ride one push. */
  readonly updates: Coalescer<Refusals>;
  setting(name: string): Promise<string>;
}
