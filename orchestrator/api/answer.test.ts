import { readFile, writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { failure, success } from './answer.ts';

const zones = {
  count: 2,
  zone: [
    { id: '1', name: 'a <b> & "c"', local: false, created: new Date('2026-11-21T09:00:00Z'), dns2: undefined },
    { id: '2', name: 'ü\u0007', tags: [], capacity: [{ type: 0 }, { type: 1 }], nothing: null },
  ],
};

async function sameAsGolden(t: ExecutionContext, name: string, text: string): Promise<void> {
  const path = new URL(`./golden/${name}`, import.meta.url);
  if (process.env.UPDATE_GOLDEN === '1') await writeFile(path, `${text}\n`);
  t.is(`${text}\n`, await readFile(path, 'utf8'));
}

for (const format of ['json', 'xml'] as const) {
  test(`a list in ${format}`, (t) => sameAsGolden(t, `list.${format}`, success(format, 'listZones', zones).body));
  test(`an empty list in ${format}`, (t) =>
    sameAsGolden(t, `empty-list.${format}`, success(format, 'listZones', {}).body));
  test(`a job in ${format}`, (t) =>
    sameAsGolden(t, `job.${format}`, success(format, 'createNetwork', { id: 'n', jobid: 'j' }).body));
  test(`an error in ${format}`, (t) => {
    const fault = { errorcode: 431, errortext: 'Invalid value "<x>" for parameter cidr: expected a CIDR' };
    return sameAsGolden(t, `error.${format}`, failure(format, 'createNetwork', fault).body);
  });
}

test('content types are those of the reference', (t) => {
  t.is(success('json', 'x', {}).contentType, 'application/json; charset=UTF-8');
  t.is(success('xml', 'x', {}).contentType, 'text/xml; charset=UTF-8');
});

test('an error for no command is an errorresponse; its text is a header too, on one line of ASCII', (t) => {
  const answer = failure('json', null, { errorcode: 432, errortext: 'no ü\r\nSet-Cookie: x' });
  t.is(answer.status, 432);
  t.deepEqual(Object.keys(JSON.parse(answer.body)), ['errorresponse']);
  t.is(answer.headers['X-Description'], 'no ???Set-Cookie: x');
});

test('the envelopes that are not named after their command', (t) => {
  t.true(success('json', 'listLdapConfigurations', {}).body.startsWith('{"ldapconfigurationresponse"'));
});
