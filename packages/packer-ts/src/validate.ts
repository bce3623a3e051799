import { builderName, type Template } from './template.ts';
import { user, variablesOf } from './text.ts';

/** What is wrong of a template, and where (a path such as `builders.0.iso_url`). */
export interface Issue {
  readonly path: string;
  readonly message: string;
}

/** Every string of a value, with its path. */
function* stringsOf(value: unknown, path: string): Generator<readonly [path: string, text: string]> {
  if (typeof value === 'string') yield [path, value];
  else if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value)) yield* stringsOf(member, `${path}.${key}`);
  }
}

function* variableNames({ variables }: Template): Generator<Issue> {
  for (const name of Object.keys(variables)) {
    try {
      user(name);
    } catch (error) {
      yield { path: `variables.${name}`, message: error instanceof Error ? error.message : String(error) };
    }
  }
}

function* undeclared(template: Template): Generator<Issue> {
  const { variables, builders, provisioners, postProcessors } = template;
  const parts = { builders, provisioners, postProcessors };
  for (const [part, value] of Object.entries(parts)) {
    for (const [path, text] of stringsOf(value, part)) {
      for (const name of variablesOf(text)) {
        if (!(name in variables)) yield { path, message: `variable ${name} is not declared` };
      }
    }
  }
}

function* builderNames({ builders, provisioners, postProcessors }: Template): Generator<Issue> {
  const names = builders.map(builderName);
  if (names.length === 0) yield { path: 'builders', message: 'expected at least one' };
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) !== index) yield { path: `builders.${index}`, message: `another builder is named ${name}` };
  }
  const limited = [
    ...provisioners.map((part, index) => [`provisioners.${index}`, part] as const),
    ...postProcessors.flatMap((chain, first) =>
      chain.map((part, second) => [`postProcessors.${first}.${second}`, part] as const),
    ),
  ];
  for (const [path, { only }] of limited) {
    for (const name of only ?? []) {
      if (!names.includes(name)) yield { path: `${path}.only`, message: `no builder is named ${name}` };
    }
  }
}

/** What Packer would refuse, or silently not do. Empty where the template is sound. */
export function validate(template: Template): Issue[] {
  return [...variableNames(template), ...undeclared(template), ...builderNames(template)];
}
