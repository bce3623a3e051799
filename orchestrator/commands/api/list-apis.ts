import { type Command, type ResponseField, type ResponseFields, syncCommand } from '../declaration.ts';
import { listParameters } from '../list.ts';
import { type Parameter, type ParameterMap, p, type Role } from '../parameter.ts';

type Commands = readonly Command[];

/** All the parameters of a command, with those that every list or every async command has. */
export function parametersOf(command: Command): ParameterMap {
  return command.kind === 'list' ? listParameters(command) : command.parameters;
}

/** The list commands that give ids for this parameter: what cmk completes a value by. */
function related(commands: Commands, parameter: Parameter<unknown>): string {
  if (parameter.entity === undefined) return '';
  return commands
    .flatMap((command) => (command.kind === 'list' && command.entity === parameter.entity ? [command.name] : []))
    .join(',');
}

function describeParameter(commands: Commands, name: string, parameter: Parameter<unknown>) {
  return {
    name,
    description: parameter.description,
    type: parameter.type,
    length: parameter.maxLength,
    required: parameter.required,
    related: related(commands, parameter),
  };
}

function describeFields(fields: ResponseFields): unknown[] {
  return Object.entries(fields).map(([name, field]: [string, ResponseField]) => ({
    name,
    description: field.description,
    type: field.type,
    response: field.fields === undefined ? undefined : describeFields(field.fields),
  }));
}

function describe(commands: Commands, command: Command, role: Role) {
  return {
    name: command.name,
    description: command.description,
    since: command.since,
    isasync: command.kind === 'async',
    related: '',
    params: Object.entries(parametersOf(command))
      .filter(([, { roles }]) => roles === undefined || roles.includes(role))
      .map(([name, parameter]) => describeParameter(commands, name, parameter)),
    response: describeFields(command.responseFields),
  };
}

const fields: ResponseFields = {
  name: { type: 'string', description: 'The name of the command' },
  description: { type: 'string', description: 'What it does' },
  since: { type: 'string', description: 'The release that brought it' },
  isasync: { type: 'boolean', description: 'True where it is answered with a job' },
  related: { type: 'string', description: 'Commands about the same' },
  params: { type: 'set', description: 'Its parameters' },
  response: { type: 'set', description: 'The fields of its answer' },
};

/** listApis over the table of commands that it is part of. */
export function listApisOf(commands: () => Commands) {
  return syncCommand({
    name: 'listApis',
    description: 'Lists the commands that the caller may use, with their parameters and the fields of their answers',
    roles: ['Admin', 'DomainAdmin', 'User'],
    parameters: { name: p.text.optional('The name of one command') },
    responseKey: null,
    responseFields: fields,
    handler: async ({ caller }, { name }) => {
      const listed = commands().filter(
        (command) =>
          (command.roles.includes('anonymous') || command.roles.includes(caller.role)) &&
          (name === undefined || command.name.toLowerCase() === name.toLowerCase()),
      );
      if (listed.length === 0) return {};
      return { count: listed.length, api: listed.map((command) => describe(commands(), command, caller.role)) };
    },
  });
}
