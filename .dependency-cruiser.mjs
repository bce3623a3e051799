// The arrows between folders, and nothing else: an arrow that is not in the table below is an error.
// The table is the one of ARCHITECTURE.md ("Imports"); test/architecture/imports.test.ts proves that it bites.

/** Syntax of daemons' files; each may use `net` only. */
const configurationLibraries = [
  'packages/dnsmasq-config',
  'packages/haproxy-config',
  'packages/iptables-ts',
  'packages/strongswan-conf',
];
/** Speaks HTTP to the orchestrator, and knows nothing else of it. */
const apiClient = 'packages/api-client';
const contract = 'packages/contract';
const host = 'packages/host';
/** What an image is, and how its signature is read. */
const imageManifest = 'packages/image-manifest';
const net = 'packages/net';

/** Every folder that holds code, and the folders that it may import besides itself. */
export const arrows = {
  [net]: [],
  [apiClient]: [],
  [contract]: [net],
  [host]: [net],
  'packages/api-client': [net],
  [imageManifest]: [],
  'packages/packer-ts': [net],
  ...Object.fromEntries(configurationLibraries.map((folder) => [folder, [net]])),
  templates: [...configurationLibraries, contract, net],
  'services/agent': ['services/router', 'templates', ...configurationLibraries, imageManifest, contract, host, net],
  'services/router': ['templates', ...configurationLibraries, contract, host, net],
  'services/console-proxy': ['services/agent', contract, host, net],
  'services/secondary-storage': ['services/agent', contract, host, net],
  'host-agent': ['services/agent', 'services/router', contract, host, net],
  appliances: [contract, 'packages/packer-ts'],
  packer: ['appliances', 'packages/packer-ts', imageManifest, host, net],
  'orchestrator/model': [contract, net],
  'orchestrator/compile': [contract, net],
  'orchestrator/store': ['orchestrator/model', imageManifest, contract, host, net],
  'orchestrator/pki': ['orchestrator/model', contract, host, net],
  'orchestrator/drivers': ['orchestrator/model', imageManifest, contract, host, net],
  'orchestrator/commands': ['orchestrator/model', 'orchestrator/store', contract, net],
  'orchestrator/reconcile': [
    'orchestrator/model',
    'orchestrator/compile',
    'orchestrator/store',
    'orchestrator/drivers',
    'orchestrator/pki',
    imageManifest,
    contract,
    net,
  ],
  'orchestrator/api': ['orchestrator/commands', 'orchestrator/model', 'orchestrator/store', apiClient, contract, net],
  'orchestrator/cli': [contract, apiClient],
  'orchestrator/web': [contract],
};

/** Folders that only join the others: they may import anything, and nobody may import them. */
const roots = ['test/', 'orchestrator/[^/]+\\.ts$'];

/** The command `isthmus`: it only chooses which of two programs runs, the command line or the host agent. */
const launcher = '^orchestrator/cli/isthmus\\.mjs$';
const launched = '^(?:orchestrator/cli|host-agent/src)/main\\.ts$';

/** Folders whose imports of the command declarations must be types only. */
const declarationReaders = ['orchestrator/cli', 'orchestrator/web'];

/** Files that only tests read: they may use packages of the root's devDependencies. */
const testSupport = '(?:\\.(?:test|long)|-fixture|/testing|/golden|/arbitraries)\\.ts$|^test/';

const known = [...Object.keys(arrows).map((folder) => `${folder}/`), ...roots];
const anyOf = (patterns) => `^(?:${patterns.join('|')})`;

/** Rules of dependency-cruiser for one row of the table. */
function rowOf(folder, allowed) {
  const reachable = [folder, ...allowed].map((path) => `${path}/`);
  const from = { path: `^${folder}/` };
  const inRepository = { path: anyOf(known) };
  if (!declarationReaders.includes(folder)) {
    return [
      {
        name: `arrow:${folder}`,
        comment: `${folder} may import ${allowed.join(', ') || 'nothing'}`,
        severity: 'error',
        from,
        to: { ...inRepository, pathNot: anyOf(reachable) },
      },
    ];
  }
  return [
    {
      name: `arrow:${folder}`,
      comment: `${folder} may import ${allowed.join(', ')} and types of the command declarations`,
      severity: 'error',
      from: { ...from, pathNot: launcher },
      to: { ...inRepository, pathNot: anyOf([...reachable, 'orchestrator/commands/']) },
    },
    {
      name: `types-only:${folder}`,
      comment: `${folder} talks HTTP: of the command declarations it may import types only`,
      severity: 'error',
      from,
      to: { path: '^orchestrator/commands/', dependencyTypesNot: ['type-only'] },
    },
  ];
}

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...Object.entries(arrows).flatMap(([folder, allowed]) => rowOf(folder, allowed)),
    {
      name: 'launcher-only-launches',
      comment: 'isthmus.mjs may import the programs that it starts, and nothing else',
      severity: 'error',
      from: { path: launcher },
      to: { path: anyOf(known), pathNot: launched },
    },
    {
      name: 'no-folder-outside-the-table',
      comment: 'a new folder with code needs a row in the table of arrows',
      severity: 'error',
      from: { path: '\\.ts$', pathNot: anyOf(known) },
      to: {},
    },
    {
      name: 'nobody-imports-test',
      comment: 'test/ joins the others; nothing outside it may import it (the rows above say so for the folders)',
      severity: 'error',
      from: { path: anyOf(roots), pathNot: '^test/' },
      to: { path: '^test/' },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'every-import-resolves',
      comment: 'an import that is not read is an error, not silence',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'only-host-starts-processes',
      comment: 'everything else takes a CommandRunner from packages/host',
      severity: 'error',
      from: { pathNot: '^packages/host/' },
      to: { path: '^(?:node:)?child_process$|node_modules/(?:execa|cross-spawn|zx|tinyexec|shelljs)/' },
    },
    {
      name: 'test-support-stays-in-tests',
      comment: '*-fixture.ts, testing.ts, golden.ts and arbitraries.ts serve tests only',
      severity: 'error',
      from: { pathNot: testSupport },
      to: { path: '(?:-fixture|/testing|/golden|/arbitraries)\\.ts$' },
    },
    {
      name: 'tests-are-not-imported',
      comment: 'a *.test.ts or *.long.ts file is an entry of ava and of nothing else',
      severity: 'error',
      from: {},
      to: { path: '\\.(?:test|long)\\.ts$' },
    },
    {
      name: 'only-declared-packages',
      comment: 'a package that is imported stands in the package.json of its workspace',
      severity: 'error',
      from: { pathNot: testSupport },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(?:^|/)(?:coverage|var|dist)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
