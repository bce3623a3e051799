// What a caller is told of an error.
import { ApiError, errorCodes } from './errors.ts';
import type { Role } from './parameter.ts';

/** The fields of an error in an answer and in a job's result. */
export interface Fault {
  readonly errorcode: number;
  readonly errortext: string;
}

const masked: readonly number[] = [
  errorCodes.internal,
  errorCodes.insufficientCapacity,
  errorCodes.resourceUnavailable,
];
const maskedText = 'Internal error executing command, please contact your cloud administrator';

/** The error as its caller may read it: what concerns the installation and not the call is for root admins alone. */
export function faultOf(error: unknown, role: Role | null): Fault {
  const { errorcode, message } =
    error instanceof ApiError ? error : { errorcode: errorCodes.internal, message: describe(error) };
  return { errorcode, errortext: masked.includes(errorcode) && role !== 'Admin' ? maskedText : message };
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
