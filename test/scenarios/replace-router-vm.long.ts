// A router that is a virtual machine is replaced by another one, under connections and pings.
import { routersAsVms } from '../lab/cloud.ts';
import { replaceRouter } from './replace-router.ts';

replaceRouter({ streamMs: 60_000, replacements: 1, mostLostMs: 2000 }, routersAsVms);
