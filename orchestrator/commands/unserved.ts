// Parameters of the field's commands that this release cannot serve: refused where they say anything, so that nobody is
// told that something was done which was not.
import { InvalidValueError } from '@isthmus/net';
import type { Parameter } from './parameter.ts';

// What clients write for "not given", e.g. libcloud's vpc_id=None.
const nothing = ['', 'none', 'null', 'undefined', '[]'];

function unserved(traits: Pick<Parameter<unknown>, 'type' | 'kind'>, why: string, harmless: readonly string[]) {
  const parameter: Parameter<undefined, false> = {
    ...traits,
    description: `Not served by this release: ${why}`,
    required: false,
    maxLength: 65_536,
    parse: (text) => {
      if (!harmless.includes(text.trim().toLowerCase())) throw new InvalidValueError(text, `no value: ${why}`);
      return undefined;
    },
  };
  return parameter;
}

/** A parameter that is refused with 431 where it has a value. `why` completes "expected no value: …". */
export function unservedParameter(
  why: string,
  type: Parameter<unknown>['type'] = 'string',
): Parameter<undefined, false> {
  return unserved({ type, kind: 'unserved' }, why, nothing);
}

/** A flag that is refused with 431 where it is true. */
export function unservedFlag(why: string): Parameter<undefined, false> {
  return unserved({ type: 'boolean', kind: 'unservedFlag' }, why, [...nothing, 'false']);
}
