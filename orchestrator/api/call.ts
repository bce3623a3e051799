// A request of the API as it came: names, values, format.
import { ApiError } from '../commands/errors.ts';

/** A call: its parameters as spelled (for the signature) and by their names in lower case (for everything else). */
export interface Call {
  readonly spelled: ReadonlyMap<string, string>;
  readonly parameters: ReadonlyMap<string, string>;
}

const maxParameters = 2000;
// Written with bounded names so that no text makes it slow.
const mapName = /^([a-z0-9_-]{1,64})\[(\d{1,4})\]\.(.{1,255})$/i;

/** Joins `name[0].field=value` to `name=[{"field": "value"}]`, in the order of the numbers. */
function joinMaps(spelled: ReadonlyMap<string, string>): [string, string][] {
  const maps = new Map<string, Map<number, [string, string][]>>();
  for (const [name, value] of spelled) {
    const [, base = '', index = '', field = ''] = mapName.exec(name) ?? [];
    if (base === '') continue;
    const items = maps.get(base.toLowerCase()) ?? new Map<number, [string, string][]>();
    maps.set(base.toLowerCase(), items);
    items.set(Number(index), [...(items.get(Number(index)) ?? []), [field, value]]);
  }
  return [...maps].map(([base, items]) => {
    const sorted = [...items].sort(([left], [right]) => left - right);
    return [base, JSON.stringify(sorted.map(([, fields]) => Object.fromEntries(fields)))];
  });
}

function addOnce(into: Map<string, string>, name: string, value: string): void {
  const known = into.get(name);
  if (known !== undefined && known !== value) {
    throw new ApiError('parameter', `Parameter ${name} is given twice with different values: expected it once`);
  }
  into.set(name, value);
}

/**
 * Reads the query and the form of a request together. A parameter given twice must say the same both times: what is
 * signed and what is done are then one. Throws 430 and 431.
 */
export function readCall(query: string, form: string): Call {
  const pairs = [...new URLSearchParams(query), ...new URLSearchParams(form)];
  if (pairs.length > maxParameters) throw new ApiError('malformed', `Expected at most ${maxParameters} parameters`);
  const spelled = new Map<string, string>();
  const parameters = new Map<string, string>();
  for (const [name, value] of pairs) {
    // Names are signed as they are: with these characters one signature would fit several calls.
    if (/[&=]/.test(name)) throw new ApiError('malformed', 'Expected names of parameters without & and =');
    addOnce(spelled, name, value);
    addOnce(parameters, name.toLowerCase(), value);
  }
  for (const [name, value] of joinMaps(spelled)) addOnce(parameters, name, value);
  return { spelled, parameters };
}
