import test from 'ava';
import { startTestApi, type TestApi } from './testing.ts';

let api: TestApi;
test.before(async () => {
  api = await startTestApi();
});
test.after.always(() => api?.close());

test('a signed call is answered', async (t) => {
  const answer = await api.admin.call('listCapabilities');
  t.like(answer, { capability: { cloudstackversion: '4.22.0.0' } });
});
