// npm run bundle:web: the pages that browsers are served, in dist/web.
import { script } from './repository.mjs';
import { ensureWeb } from './web.mjs';

await script(async () => {
  await ensureWeb();
  return 0;
});
