// Bad input that only the rules of the domain can tell: code, named parameter, and nothing changed.
import test from 'ava';
import { adminRows } from './admin-rows.ts';
import { consoleRows } from './console-rows.ts';
import { dhcpRows } from './dhcp-rows.ts';
import { type Digest, digestOf } from './digest.ts';
import { healthRows } from './health-rows.ts';
import { metadataRows } from './metadata-rows.ts';
import { outcome } from './refusal.ts';
import { type Subjects, startSubjects } from './rule-subjects.ts';
import { tenantRows } from './tenant-rows.ts';

let subjects: Subjects;
let digest: () => Promise<Digest>;
test.before(async () => {
  subjects = await startSubjects();
  digest = await digestOf(subjects.world.db);
});
test.after.always(() => subjects?.world.close());

test.serial('what the rows speak of is there', (t) => {
  for (const [name, id] of Object.entries(subjects.ids)) t.regex(id, /^[0-9a-f-]{36}$/, name);
});

for (const { what, command, values, code, names, caller } of [
  ...tenantRows,
  ...adminRows,
  ...healthRows,
  ...dhcpRows,
  ...metadataRows,
  ...consoleRows,
]) {
  test.serial(`${command} refuses ${what}`, async (t) => {
    const before = await digest();
    const refusal = await outcome(subjects.world.callers[caller], command, values(subjects));
    t.is(refusal.code, code, refusal.text);
    t.regex(refusal.text, names);
    t.deepEqual(await digest(), before);
  });
}
