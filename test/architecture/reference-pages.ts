// The pages of docs/reference that come from the code: pure, from the declarations to Markdown.
import type { Command } from '@isthmus/orchestrator/commands/declaration';
import type { Setting } from '@isthmus/orchestrator/commands/settings';

/** A cell of a table: no line breaks, no bars. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('');
}

const kinds = { sync: 'Answers when done', list: 'A list', async: 'Asynchronous: answers with a job' } as const;

function commandSection(command: Command): string {
  const { name, description, kind, roles, parameters, responseFields, postOnly } = command;
  const required = Object.entries(parameters).filter(([, parameter]) => parameter.required);
  const optional = Object.entries(parameters).filter(([, parameter]) => !parameter.required);
  const rows = [...required, ...optional].map(
    ([parameter, { type, description: text, required: must, roles: only }]) => [
      `\`${parameter}\``,
      type,
      must ? 'yes' : '',
      only === undefined ? text : `${text} (only ${only.join(', ')})`,
    ],
  );
  const facts = [kinds[kind], `roles: ${roles.join(', ')}`, ...(postOnly === true ? ['POST only'] : [])];
  const fields = Object.keys(responseFields).sort();
  return [
    `### ${name}\n\n${description}.\n\n${facts.join('; ')}.\n`,
    table(['parameter', 'type', 'required', 'what'], rows),
    fields.length === 0 ? '' : `Answer: ${fields.map((field) => `\`${field}\``).join(', ')}.\n`,
  ]
    .filter((part) => part !== '')
    .join('\n')
    .replaceAll('..\n', '.\n');
}

/** docs/reference/api.md: every command, by name. */
export function apiPage(commands: readonly Command[]): string {
  const sorted = [...commands].sort((left, right) => (left.name < right.name ? -1 : 1));
  const head = `# API commands

Written from the declarations in \`orchestrator/commands\` by \`npm run reference\`; do not edit.

The API listens on \`/client/api\` and takes GET and POST. Every call has \`command\`, and \`response=json\` for JSON instead of
XML. Every list command also takes \`id\`, \`keyword\`, \`page\` and \`pagesize\`, and a list of what accounts own takes
\`account\`, \`domainid\`, \`listall\` and \`isrecursive\`. Unknown parameters are ignored. An asynchronous command answers with
\`jobid\`; \`queryAsyncJobResult\` tells how the job stands.

${sorted.length} commands.
`;
  return [head, ...sorted.map(commandSection)].join('\n');
}

/** docs/reference/settings.md: what is set from outside, and the installation's settings. */
export function settingsPage(settings: Readonly<Record<string, Setting>>): string {
  const environment = [
    ['`ISTHMUS_DATA`', '`var/` of the checkout', 'Folder of configuration and credentials'],
    ['`ISTHMUS_LISTEN`', '`127.0.0.1:8080`', 'Address and port of the API'],
    ['`DATABASE_URL`', 'the private cluster', 'URL of another PostgreSQL, 15 or newer'],
    [
      '`ISTHMUS_MASTER_KEY`',
      '`var/credentials/master.key`',
      'Base64 of the 32 bytes that open the secrets of the database ([the control path](../explanation/control-path.md))',
    ],
    ['`ISTHMUS_WEB`', '`dist/web` of the checkout', 'Folder of the pages for browsers (`npm run bundle:web`)'],
    ['`ISTHMUS_IMAGES`', '`dist/images` of the checkout', 'Folder of images; also of `npm run image`'],
    [
      '`ISTHMUS_IMAGE_KEYS`',
      '`var/image-keys` of the checkout',
      'Folder of the key that signs images, and of those that are trusted (`trusted/*.pem`); also of `npm run image`',
    ],
  ];
  const commandLine = [
    ['`ISTHMUS_PROFILE`', '`admin`', 'Whose credentials: NAME of `var/credentials/NAME.json`; `--profile` wins'],
    ['`ISTHMUS_DATA`', '`var/` of the checkout', 'Where `credentials/` lies'],
    [
      '`ISTHMUS_ENDPOINT`, `ISTHMUS_API_KEY`, `ISTHMUS_SECRET_KEY`',
      'from the file',
      'Another installation, or another user',
    ],
  ];
  const rows = Object.entries(settings)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, { defaultValue, type, description, needsRestart }]) => [
      `\`${name}\``,
      type,
      `\`${defaultValue}\``,
      needsRestart === true ? `${description}. Takes effect at the next start` : description,
    ]);
  return `# Settings

Written by \`npm run reference\`; do not edit.

## Environment of \`npm start\`

${table(['variable', 'default', 'what'], environment)}
## Environment of the command line

${table(['variable', 'default', 'what'], commandLine)}
## Settings of the installation

Read by \`listConfigurations\`, changed by \`updateConfiguration\`, kept in the database. The names are CloudStack's.

${table(['name', 'type', 'default', 'what'], rows)}`;
}
