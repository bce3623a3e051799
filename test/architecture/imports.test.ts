// The arrows between folders hold, and the tool that says so really reads the modules: planted wrong imports are seen.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createHost } from '@isthmus/host';
import test from 'ava';
import { root } from './repository-files.ts';

/** Folders that dependency-cruiser starts from; the same as in the script check:imports. */
const folders = ['packages', 'templates', 'services', 'appliances', 'packer', 'host-agent', 'orchestrator', 'test'];

interface CruisedModule {
  readonly source: string;
  readonly dependencies: readonly { readonly resolved: string }[];
}

interface Cruised {
  readonly modules: readonly CruisedModule[];
  readonly summary: {
    readonly violations: readonly {
      readonly from: string;
      readonly to: string;
      readonly rule: { readonly name: string };
    }[];
  };
}

/** Runs dependency-cruiser on folders below `directory` with the repository's own rules. */
async function cruise(directory: string, from: readonly string[]): Promise<Cruised> {
  const { stdout } = await createHost().commands.run(
    join(root, 'node_modules/.bin/node'),
    [
      join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs'),
      '--config',
      join(root, '.dependency-cruiser.mjs'),
      '--output-type',
      'json',
      ...from,
    ],
    { cwd: directory, timeoutMs: 120_000 },
  );
  return JSON.parse(stdout) as Cruised;
}

/** The broken rules, "rule: from → to". */
function violationsOf({ summary }: Cruised): string[] {
  return summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`);
}

/** What these files break, as the files of a repository of their own. */
async function violationsIn(files: Record<string, string>): Promise<string[]> {
  const scratch = await mkdtemp(join(tmpdir(), 'isthmus-imports-'));
  try {
    const all = { 'package.json': '{"type":"module"}', 'tsconfig.json': '{"compilerOptions":{}}', ...files };
    for (const [path, text] of Object.entries(all)) {
      await mkdir(dirname(join(scratch, path)), { recursive: true });
      await writeFile(join(scratch, path), text);
    }
    const tops = new Set(Object.keys(files).map((path) => path.split('/')[0] ?? path));
    return violationsOf(await cruise(scratch, [...tops]));
  } finally {
    await rm(scratch, { recursive: true });
  }
}

test('every import follows an arrow of the table, and every folder is read', async (t) => {
  const result = await cruise(root, folders);
  t.deepEqual(violationsOf(result), []);
  const own = result.modules.filter(({ source }) => source.endsWith('.ts') && !source.includes('node_modules'));
  t.true(own.length >= 200, `only ${own.length} modules were read`);
  for (const folder of [...folders, 'packages/net', 'services/agent', 'services/router', 'orchestrator/commands']) {
    const imports = own
      .filter(({ source }) => source.startsWith(`${folder}/`))
      .flatMap((module) => module.dependencies);
    t.true(imports.length > 0, `no import was read in ${folder}`);
  }
  const crossing = own
    .filter(({ source }) => source.startsWith('host-agent/'))
    .flatMap(({ dependencies }) => dependencies.map(({ resolved }) => resolved));
  t.true(crossing.includes('packages/host/src/index.ts'), 'an import by the name of a workspace is not followed');
  const launched = result.modules.find(({ source }) => source === 'orchestrator/cli/isthmus.mjs')?.dependencies;
  t.true(
    launched?.some(({ resolved }) => resolved === 'host-agent/src/main.ts'),
    'what the command isthmus starts is not read',
  );
});

const empty = 'export const value = 1;\n';
const emptyOthers = {
  'packages/host/src/other.ts': 'export type Other = number;\n',
  'orchestrator/commands/other.ts': empty,
  'test/lab/other.ts': empty,
  'services/unheard-of/src/other.ts': empty,
  'packages/net/src/other.ts': empty,
};

interface Planted {
  readonly says: string;
  readonly path: string;
  readonly text: string;
  /** The rule and the imported module; null where the import is right. */
  readonly expected: { readonly rule: string; readonly to: string } | null;
}

const planted: readonly Planted[] = [
  {
    says: 'an import along an arrow is accepted',
    path: 'templates/nat/right.ts',
    text: "import { value } from '../../packages/net/src/other.ts';\nexport const a = value;\n",
    expected: null,
  },
  {
    says: 'an import against the arrows is seen',
    path: 'packages/net/src/wrong.ts',
    text: "import '../../host/src/other.ts';\n",
    expected: { rule: 'arrow:packages/net', to: 'packages/host/src/other.ts' },
  },
  {
    says: 'the command isthmus starts nothing else',
    path: 'orchestrator/cli/isthmus.mjs',
    text: "await import('../../packages/net/src/other.ts');\n",
    expected: { rule: 'launcher-only-launches', to: 'packages/net/src/other.ts' },
  },
  {
    says: 'an import of a type alone is an arrow too',
    path: 'templates/nat/type.ts',
    text: "import type { Other } from '../../packages/host/src/other.ts';\nexport type A = Other;\n",
    expected: { rule: 'arrow:templates', to: 'packages/host/src/other.ts' },
  },
  {
    says: 'a unit test keeps to the arrows of its folder',
    path: 'templates/nat/unit.test.ts',
    text: "import '../../packages/host/src/other.ts';\n",
    expected: { rule: 'arrow:templates', to: 'packages/host/src/other.ts' },
  },
  {
    says: 'the command line may read types of the command declarations',
    path: 'orchestrator/cli/types.ts',
    text: "import type { value } from '../commands/other.ts';\nexport type A = typeof value;\n",
    expected: null,
  },
  {
    says: 'the command line may read nothing else of the command declarations',
    path: 'orchestrator/cli/values.ts',
    text: "import { value } from '../commands/other.ts';\nexport const a = value;\n",
    expected: { rule: 'types-only:orchestrator/cli', to: 'orchestrator/commands/other.ts' },
  },
  {
    says: 'no folder imports test/',
    path: 'services/agent/src/lab.ts',
    text: "import '../../../test/lab/other.ts';\n",
    expected: { rule: 'arrow:services/agent', to: 'test/lab/other.ts' },
  },
  {
    says: 'what joins the orchestrator does not import test/ either',
    path: 'orchestrator/main.ts',
    text: "import '../test/lab/other.ts';\n",
    expected: { rule: 'nobody-imports-test', to: 'test/lab/other.ts' },
  },
  {
    says: 'no folder imports what joins the orchestrator',
    path: 'orchestrator/api/main.ts',
    text: "import '../main.ts';\n",
    expected: { rule: 'arrow:orchestrator/api', to: 'orchestrator/main.ts' },
  },
  {
    says: 'a cycle is seen',
    path: 'packages/net/src/cycle.ts',
    text: "import './cycle.ts';\n",
    expected: { rule: 'no-cycles', to: 'packages/net/src/cycle.ts' },
  },
  {
    says: 'an import that does not resolve is an error',
    path: 'packages/net/src/unresolved.ts',
    text: "import './absent.ts';\n",
    expected: { rule: 'every-import-resolves', to: './absent.ts' },
  },
  {
    says: 'only packages/host starts processes',
    path: 'services/agent/src/process.ts',
    text: "import { spawn } from 'node:child_process';\nexport const a = spawn;\n",
    expected: { rule: 'only-host-starts-processes', to: 'child_process' },
  },
  {
    says: 'a folder that the table does not know is an error',
    path: 'services/unheard-of/src/folder.ts',
    text: "import './other.ts';\n",
    expected: { rule: 'no-folder-outside-the-table', to: 'services/unheard-of/src/other.ts' },
  },
];

const found = violationsIn({ ...emptyOthers, ...Object.fromEntries(planted.map(({ path, text }) => [path, text])) });

for (const { says, path, expected } of planted) {
  test(says, async (t) => {
    const ofThis = (await found).filter((line) => line.includes(`: ${path} → `));
    t.deepEqual(ofThis, expected === null ? [] : [`${expected.rule}: ${path} → ${expected.to}`]);
  });
}
