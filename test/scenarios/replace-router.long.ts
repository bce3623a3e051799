// The whole minute of connections through the replacement of a router in a namespace.
import { replaceRouter } from './replace-router.ts';

replaceRouter({ streamMs: 60_000, replacements: 5, mostLostMs: 1000 });
