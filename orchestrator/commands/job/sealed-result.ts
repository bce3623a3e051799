// Secrets in the result of a job: sealed in its row, told to whoever asks for the job by its id.
import type { Orchestration } from '../orchestration.ts';

/** Fields of a response object whose purpose is to tell a secret. */
const secretFields = ['password'];

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** Changes each secret of a result, which stands in the object under the command's response key. */
function eachSecret(result: unknown, change: (value: unknown) => unknown): unknown {
  if (!isObject(result)) return result;
  const objects = Object.entries(result).map(([key, object]) => {
    if (!isObject(object) || !secretFields.some((name) => object[name] !== undefined)) return [key, object] as const;
    const fields = Object.entries(object).map(([name, value]) => [
      name,
      secretFields.includes(name) ? change(value) : value,
    ]);
    return [key, Object.fromEntries(fields)] as const;
  });
  return Object.fromEntries(objects);
}

/** A result as the job's row keeps it. */
export function sealedResult(result: unknown, { sealSecret }: Pick<Orchestration, 'sealSecret'>): unknown {
  return eachSecret(result, (value) => (typeof value === 'string' ? { sealed: sealSecret(value) } : value));
}

/** A row's result as it was. */
export function openedResult(result: unknown, { openSecret }: Pick<Orchestration, 'openSecret'>): unknown {
  return eachSecret(result, (value) =>
    isObject(value) && typeof value.sealed === 'string' ? openSecret(value.sealed) : value,
  );
}

/** A row's result without its secrets, for lists. */
export function resultWithoutSecrets(result: unknown): unknown {
  return eachSecret(result, () => undefined);
}
