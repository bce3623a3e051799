import type { Static, TSchema } from 'typebox';
import Compile from 'typebox/compile';
import { Check } from 'typebox/schema';

/** One fault of a value: where (a dotted path, '' for the whole) and what was expected, in words. */
export interface Fault {
  readonly path: string;
  readonly message: string;
}

/** A schema ready to check values. `faults` is empty exactly where `check` is true. */
export interface Validator<Value> {
  check(value: unknown): value is Value;
  faults(value: unknown): Fault[];
}

/** Values with more parts than this are checked by a compiled schema from the first. */
const smallParts = 1000;
const checksBeforeCompiling = 2;

/** True where a value has at most `limit` parts; looks at no more. */
function isSmall(value: unknown, limit: number): boolean {
  const open: unknown[] = [value];
  for (let parts = 0; parts <= limit; parts += 1) {
    if (open.length === 0) return true;
    const part = open.pop();
    if (typeof part === 'object' && part !== null) open.push(...Object.values(part));
  }
  return false;
}

const compilers: (() => unknown)[] = [];

/** Compiles every schema that has a validator, for a process whose heap is kept: those that begin from it need not. */
export function compileValidators(): void {
  for (const compile of compilers) compile();
}

/**
 * A schema is compiled when it is worth it: compiling one costs as much as a few checks of small values without it, and a
 * program that starts often checks a schema once or never. Checking is then a few microseconds.
 */
export function validator<Schema extends TSchema>(schema: Schema): Validator<Static<Schema>> {
  let validated = 0;
  let compiled: ReturnType<typeof Compile<Schema>> | null = null;
  const compile = () => {
    compiled ??= Compile(schema);
    return compiled;
  };
  compilers.push(compile);
  const check = (value: unknown): value is Static<Schema> => {
    if (compiled !== null) return compiled.Check(value);
    validated += 1;
    const isPlain = validated <= checksBeforeCompiling && isSmall(value, smallParts);
    return isPlain ? Check(schema, value) : compile().Check(value);
  };
  return {
    check,
    faults: (value) =>
      compile().Check(value)
        ? []
        : compile()
            .Errors(value)
            .map((error) => ({
              path: error.instancePath.slice(1).replaceAll('/', '.'),
              message: error.message,
            })),
  };
}
