// The help of the CLI: made from what listApis says, so that it names what this server can.
import type { ApiObject } from '@isthmus/api-client';
import { inWords } from './command-line.ts';
import { cellText } from './output.ts';

/** A command as listApis tells it. */
export interface Api {
  readonly name: string;
  readonly description: string;
  readonly isasync: boolean;
  readonly params: readonly ApiParameter[];
}

interface ApiParameter {
  readonly name: string;
  readonly description: string;
  readonly type: string;
  readonly required: boolean;
}

function parameterOf(value: unknown): ApiParameter[] {
  if (typeof value !== 'object' || value === null) return [];
  const { name, description, type, required } = value as ApiObject;
  return [
    { name: cellText(name), description: cellText(description), type: cellText(type), required: required === true },
  ];
}

/** Reads one object of listApis. */
export function readApi(object: ApiObject): Api {
  return {
    name: cellText(object.name),
    description: cellText(object.description),
    isasync: object.isasync === true,
    params: Array.isArray(object.params) ? object.params.flatMap(parameterOf) : [],
  };
}

/** The page of help of one command. */
export function describeApi(api: Api): string {
  const width = Math.max(0, ...api.params.map(({ name }) => name.length));
  const parameters = [...api.params]
    .sort((left, right) => Number(right.required) - Number(left.required))
    .map(({ name, type, required, description }) => {
      return `  ${name.padEnd(width)}  ${type.padEnd(8)} ${required ? 'required  ' : '          '}${description}`;
    });
  const usage = api.params.filter(({ required }) => required).map(({ name }) => ` ${name}=…`);
  return [
    `isthmus ${inWords(api.name)}${usage.join('')}`,
    '',
    `${api.description}${api.isasync ? ' (a job: the command waits for it)' : ''}`,
    ...(parameters.length === 0 ? [] : ['', 'Parameters:', ...parameters]),
  ].join('\n');
}

/** Every command in words, with what it does. */
export function describeAll(apis: readonly Api[]): string {
  const words = apis.map((api) => ({ words: inWords(api.name), description: api.description }));
  const width = Math.max(0, ...words.map((item) => item.words.length));
  return words
    .sort((left, right) => (left.words < right.words ? -1 : 1))
    .map((item) => `  ${item.words.padEnd(width)}  ${item.description}`)
    .join('\n');
}
