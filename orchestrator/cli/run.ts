// The CLI as a function: command line in, text and exit code out.
import { ApiCallError, type ApiClient, type ApiObject, createApiClient } from '@isthmus/api-client';
import { Command, CommanderError, Option } from 'commander';
import { checkNames, findCommand, inWords, readWords, suggestions, UsageError } from './command-line.ts';
import { type Api, describeAll, describeApi, readApi } from './describe.ts';
import { tableOf } from './output.ts';
import { readProfile } from './profile.ts';
import { readValueFiles } from './value-files.ts';

/** What the CLI runs in. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** True where `err` is a terminal that can show progress. */
  readonly interactive: boolean;
}

interface Options {
  readonly profile: string;
  readonly output: 'table' | 'json';
  readonly fields?: string;
  readonly wait: boolean;
}

const help = `
Commands are those of the API, in two words: isthmus list networks
Parameters follow as name=value:             isthmus create network name=web zoneid=…
A value out of a file, such as a key:        isthmus upload sslcert name=web privatekey=@key.pem …
What a command takes:                        isthmus help create network
Every command:                               isthmus help

Exit codes: 0 done, 1 refused by the API, 2 mistyped, 3 no answer.`;

async function apisOf(client: ApiClient, values: { name?: string } = {}): Promise<Api[]> {
  return (await client.list('listApis', values)).map(readApi);
}

function noSuchCommand(apis: readonly Api[], words: readonly string[]): UsageError {
  const shorter = words.findLastIndex((_word, at) => findCommand(apis, words.slice(0, at)) !== null);
  if (shorter > 0) {
    const command = words.slice(0, shorter).join(' ');
    return new UsageError(`${JSON.stringify(words[shorter])}: expected name=value after ${command}`);
  }
  const near = suggestions(apis, words).map((name) => `  ${inWords(name)}`);
  const hint = near.length === 0 ? 'see isthmus help' : `near to it are:\n${near.join('\n')}`;
  return new UsageError(`${JSON.stringify(words.join(' '))} is no command that this user may call; ${hint}`);
}

/** The command that the words name, as the server knows it for this user. Throws UsageError where there is none. */
async function commandOf(client: ApiClient, words: readonly string[]): Promise<Api> {
  const [api] = await apisOf(client, { name: words.join('') });
  if (api === undefined) throw noSuchCommand(await apisOf(client), words);
  return api;
}

async function showHelp(client: ApiClient, words: readonly string[]): Promise<string> {
  const apis = await apisOf(client);
  if (words.length === 0) return describeAll(apis);
  const api = findCommand(apis, words);
  if (api === null) throw noSuchCommand(apis, words);
  return describeApi(api);
}

async function send(
  client: ApiClient,
  typed: readonly string[],
  options: Options,
  { err, interactive }: Surroundings,
): Promise<ApiObject> {
  const { words, values: asTyped } = readWords(typed);
  const api = await commandOf(client, words);
  checkNames(api, asTyped);
  const values = await readValueFiles(asTyped);
  const { name } = api;
  const started = Date.now();
  let shown = false;
  const onWait = (jobId: string, elapsedMs: number) => {
    if (!interactive || elapsedMs < 500) return;
    shown = true;
    err(`\r${name}: job ${jobId} runs, ${((Date.now() - started) / 1000).toFixed(1)} s `);
  };
  try {
    return await (options.wait ? client.run(name, values, { onWait }) : client.call(name, values));
  } finally {
    if (shown) err('\r\u001b[K');
  }
}

function exitCode(error: unknown, err: (text: string) => void): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof UsageError) {
    err(`isthmus: ${message}\n`);
    return 2;
  }
  if (error instanceof ApiCallError) {
    err(`isthmus: ${message}\n`);
    return 1;
  }
  const refused = error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
  err(`isthmus: ${refused ? 'nobody listens there: is npm start running?' : message}\n`);
  return 3;
}

/** True for an answer that is no error by its form and says `success` false: createConsoleEndpoint's, where there is none. */
function isRefusal(answer: ApiObject): boolean {
  const isUnsuccessful = (value: unknown) =>
    typeof value === 'object' && value !== null && 'success' in value && value.success === false;
  return isUnsuccessful(answer) || Object.values(answer).some(isUnsuccessful);
}

/** Runs one command line (without program names) and answers with the exit code. */
export async function runCli(words: readonly string[], surroundings: Surroundings): Promise<number> {
  const { env, out, err } = surroundings;
  const program = new Command('isthmus')
    .description('Calls the API of Isthmus')
    .argument('[words...]', 'a command in words, and its parameters as name=value')
    .option('--profile <name>', 'credentials of var/credentials/NAME.json', env.ISTHMUS_PROFILE ?? 'admin')
    .addOption(new Option('--output <format>', 'how to show the answer').choices(['table', 'json']).default('table'))
    .option('--fields <names>', 'fields to show, comma-separated')
    .option('--no-wait', 'answer with the job instead of waiting for it')
    .addHelpText('after', help)
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeOut: out, writeErr: err });
  try {
    program.parse([...words], { from: 'user' });
    const options = program.opts<Options>();
    const [first, ...rest] = program.args;
    if (first === undefined) {
      out(program.helpInformation() + help.concat('\n'));
      return 2;
    }
    const client = createApiClient(await readProfile(env, options.profile));
    if (first === 'help') {
      out(`${await showHelp(client, rest)}\n`);
      return 0;
    }
    const answer = await send(client, program.args, options, surroundings);
    const fields = (options.fields ?? '').split(',').filter((name) => name !== '');
    out(`${options.output === 'json' ? JSON.stringify(answer, null, 2) : tableOf(answer, fields)}\n`);
    return isRefusal(answer) ? 1 : 0;
  } catch (error) {
    return exitCode(error, err);
  }
}
