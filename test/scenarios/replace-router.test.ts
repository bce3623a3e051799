// restartNetwork with cleanup on hosts of namespaces; the whole minute stands in replace-router.long.ts.
import { replaceRouter } from './replace-router.ts';

replaceRouter({ streamMs: 20_000, replacements: 2, mostLostMs: 1000 });
