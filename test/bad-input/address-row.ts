// What a bad call about offerings, dual-stack and routed networks is.
import type { ApiValues } from '@isthmus/api-client';
import type { CallerName, World } from './world.ts';

/** What the rows speak of: networks of the owner's by their offering, and rules of them. */
export interface AddressSubjects {
  readonly world: World;
  readonly ids: Readonly<
    Record<
      | 'plain'
      | 'dual'
      | 'routed'
      | 'plainOffering'
      | 'dualOffering'
      | 'routedOffering'
      | 'disabled'
      | 'used'
      | 'ipv6Rule',
      string
    >
  >;
}

/** One bad call. */
export interface AddressRow {
  readonly what: string;
  readonly command: string;
  readonly values: (subjects: AddressSubjects) => ApiValues;
  readonly code: number;
  readonly names: RegExp;
  readonly caller: CallerName;
}

/** A row, by default a call of the owner's that is refused with 431. `names`: what its error has to name. */
export function addressRow(
  what: string,
  command: string,
  values: AddressRow['values'],
  names: RegExp,
  caller: CallerName = 'owner',
  code = 431,
): AddressRow {
  return { what, command, values, code, names, caller };
}
