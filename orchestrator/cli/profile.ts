// Where and as whom to call: a credentials file of var/, or the environment.
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ApiProfile } from '@isthmus/api-client';
import { UsageError } from './command-line.ts';

function dataFolder(env: NodeJS.ProcessEnv): string {
  return resolve(env.ISTHMUS_DATA ?? fileURLToPath(new URL('../../var', import.meta.url)));
}

async function fromFile(env: NodeJS.ProcessEnv, name: string): Promise<Partial<ApiProfile>> {
  const path = `${dataFolder(env)}/credentials/${name}.json`;
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Partial<ApiProfile>;
  } catch (cause) {
    if (env.ISTHMUS_API_KEY !== undefined) return {};
    const absent = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    const reason = absent
      ? 'there is no such file'
      : `it cannot be read: ${cause instanceof Error ? cause.message : cause}`;
    throw new UsageError(
      `profile ${name}: expected its credentials in ${path}, which npm start writes, or in ISTHMUS_ENDPOINT, ISTHMUS_API_KEY and ISTHMUS_SECRET_KEY; ${reason}`,
    );
  }
}

/** The profile: ISTHMUS_ENDPOINT, ISTHMUS_API_KEY and ISTHMUS_SECRET_KEY win over the file. Throws UsageError. */
export async function readProfile(env: NodeJS.ProcessEnv, name: string): Promise<ApiProfile> {
  if (!/^[\w.-]+$/.test(name)) throw new UsageError(`--profile ${JSON.stringify(name)}: expected a name such as demo`);
  const file = await fromFile(env, name);
  const profile = {
    endpoint: env.ISTHMUS_ENDPOINT ?? file.endpoint,
    apiKey: env.ISTHMUS_API_KEY ?? file.apiKey,
    secretKey: env.ISTHMUS_SECRET_KEY ?? file.secretKey,
  };
  const { endpoint, apiKey, secretKey } = profile;
  if (endpoint === undefined || apiKey === undefined || secretKey === undefined) {
    throw new UsageError(`profile ${name}: expected endpoint, apiKey and secretKey`);
  }
  return { endpoint, apiKey, secretKey };
}
