// The CLI against a real API.
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import test from 'ava';
import { startTestApi, type TestApi } from './api/testing.ts';
import { runCli } from './cli/run.ts';

let api: TestApi;
let data: string;
test.before(async () => {
  api = await startTestApi();
  data = await mkdtemp('/tmp/isthmus-cli-');
  await mkdir(`${data}/credentials`);
  await writeFile(
    `${data}/credentials/admin.json`,
    JSON.stringify({ endpoint: api.endpoint, ...api.adminCredentials }),
  );
});
test.after.always(async () => {
  await api?.close();
  await rm(data, { recursive: true, force: true });
});

async function isthmus(line: string, env: Record<string, string> = {}) {
  let out = '';
  let err = '';
  const code = await runCli(line.split(' '), {
    env: { ISTHMUS_DATA: data, ...env },
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    interactive: false,
  });
  return { code, out, err };
}

test('a list as a table and as JSON', async (t) => {
  const table = await isthmus('list domains --fields name,path');
  t.is(table.code, 0);
  t.true(table.out.includes('│ ROOT │ ROOT │'));
  const json = await isthmus('listDomains --output json');
  t.like(JSON.parse(json.out), { count: 1, domain: [{ name: 'ROOT' }] });
});

test('a job is waited for, or not', async (t) => {
  const one = await api.account('cli-one');
  const waited = await isthmus(`disable user id=${one.userId} --output json`);
  t.like(JSON.parse(waited.out), { user: { state: 'disabled' } });
  const two = await api.account('cli-two');
  const { out } = await isthmus(`disable user id=${two.userId} --no-wait --output json`);
  t.is(typeof JSON.parse(out).jobid, 'string');
});

test('what the API refuses is exit code 1, with its words', async (t) => {
  const { code, err } = await isthmus('create domain');
  t.is(code, 1);
  t.regex(err, /^isthmus: createDomain: .*missing parameter name.*\(431\)\n$/);
  const unsuccessful = await isthmus(`create consoleendpoint virtualmachineid=${randomUUID()}`);
  t.is(unsuccessful.code, 1);
  t.true(unsuccessful.out.includes('Permission denied'));
});

test('what is mistyped is exit code 2, with what is near', async (t) => {
  const near = await isthmus('lists domain');
  t.is(near.code, 2);
  t.regex(near.err, /"lists domain" is no command that this user may call; near to it are:\n {2}list domain\w*\n/);
  const foreign = await isthmus('list domains nmae=ROOT');
  t.is(foreign.code, 2);
  t.regex(foreign.err, /^isthmus: nmae: no parameter of list domains, which has /);
  const word = await isthmus('list domains name');
  t.is(word.code, 2);
  t.is(word.err, 'isthmus: "name": expected name=value after list domains\n');
  t.is((await isthmus('list domains --nosuch')).code, 2);
  t.is((await isthmus('list domains --profile nobody')).code, 2);
  t.is((await isthmus('list domains --profile ../../etc/passwd')).code, 2);
});

test('no answer is exit code 3', async (t) => {
  const { code, err } = await isthmus('list domains', { ISTHMUS_ENDPOINT: 'http://127.0.0.1:1/client/api' });
  t.is(code, 3);
  t.regex(err, /nobody listens there: is npm start running\?/);
});

test('the environment wins over the file', async (t) => {
  const { client, ...user } = await api.account('cli-env');
  const { out } = await isthmus('list accounts --fields name', {
    ISTHMUS_API_KEY: user.apiKey,
    ISTHMUS_SECRET_KEY: user.secretKey,
  });
  t.true(out.includes('cli-env'));
  t.deepEqual(await client.call('listNetworks'), {});
});

test('help lists the commands, and the parameters of one', async (t) => {
  t.regex((await isthmus('help')).out, / {2}create domain +Creates a domain\n/);
  t.regex(
    (await isthmus('help create domain')).out,
    /^isthmus create domain name=…\n\nCreates a domain\n\nParameters:\n {2}name +string +required +Name of the domain\n/,
  );
  t.is((await isthmus('--help')).code, 0);
});
