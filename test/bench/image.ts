// How long an image takes to build from a warm package cache, how large it is, and whether a second build is the same.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { type ApplianceRole, appliances } from '@isthmus/appliances';
import { createHost, silentLog } from '@isthmus/host';
import { availableLock, type BuildRequest, prepareBuild } from '@isthmus/packer';
import { type Benchmark, type Row, rowOf, withGoal } from './result.ts';

const host = createHost({ log: silentLog });
const cache = '/var/cache/isthmus/debs';
const checkout = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');
const ticksPerSecond = 100;
const megabyte = 1e6;
const goals = { buildSeconds: 90, qcow2Megabytes: 150 } as const;

interface Measured {
  readonly seconds: number;
  readonly processorSeconds: number;
  readonly rawSha256: string;
  readonly qcow2Megabytes: number;
}

/** Seconds that this process and the children that it waited for have had of a processor (proc(5), stat). */
async function processorSeconds(): Promise<number> {
  const text = await readFile('/proc/self/stat', 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) / ticksPerSecond;
}

async function requestIn(folder: string, role: ApplianceRole): Promise<BuildRequest> {
  return {
    manifest: appliances[role],
    architecture: 'amd64',
    formats: [],
    version: '0.1.0',
    checkout,
    cache,
    images: `${folder}/images`,
    keys: `${folder}/keys`,
    debugKey: null,
    lockText: await availableLock(host, appliances[role], 'amd64', cache),
  };
}

async function measureBuild(role: ApplianceRole): Promise<Measured> {
  const folder = await mkdtemp(`${tmpdir()}/isthmus-bench-image-`);
  try {
    // Fetches what the cache lacks, unmeasured.
    const request = await requestIn(folder, role);
    const started = performance.now();
    const processorBefore = await processorSeconds();
    const build = await prepareBuild(host, request);
    try {
      for (const step of build.steps) await step.run(() => {});
    } finally {
      await build.close();
    }
    const { files } = build.result().manifest;
    return {
      seconds: (performance.now() - started) / 1000,
      processorSeconds: (await processorSeconds()) - processorBefore,
      rawSha256: files.find(({ kind }) => kind === 'raw')?.sha256 ?? '',
      qcow2Megabytes: (files.find(({ kind }) => kind === 'qcow2')?.bytes ?? 0) / megabyte,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function routerRows(builds: readonly Measured[]): Row[] {
  const identical = new Set(builds.map(({ rawSha256 }) => rawSha256)).size === 1 ? 1 : 0;
  const of = (figure: 'seconds' | 'processorSeconds' | 'qcow2Megabytes') => builds.map((build) => build[figure]);
  const build = rowOf({ what: 'router build', unit: 's' }, of('seconds'));
  const size = rowOf({ what: 'router qcow2', unit: 'MB' }, of('qcow2Megabytes'));
  return [
    withGoal(rowOf({ what: 'identical builds', unit: '1 or 0' }, [identical]), '1', identical, identical === 1),
    withGoal(size, `at most ${goals.qcow2Megabytes} MB`, size.max, size.max <= goals.qcow2Megabytes),
    withGoal(build, `at most ${goals.buildSeconds} s`, build.median, build.median <= goals.buildSeconds),
    rowOf({ what: 'router build, processor time', unit: 's' }, of('processorSeconds')),
  ];
}

/** Builds of the router, several, each in a folder of its own; the other images once. */
export const image: Benchmark = {
  about: 'building images: time, size, and whether two builds are the same',
  needs: ['mmdebstrap', 'mkfs.erofs', 'mkfs.fat', 'mcopy', 'grub-mkimage', 'qemu-img', 'depmod'],
  run: async ({ quick, say }) => {
    const builds: Measured[] = [];
    for (let round = 1; round <= (quick ? 2 : 3); round += 1) {
      say(`router, build ${round}`);
      builds.push(await measureBuild('router'));
    }
    const rows = routerRows(builds);
    for (const role of quick ? (['guest'] as const) : (['guest', 'console-proxy', 'secondary-storage'] as const)) {
      say(role);
      const { qcow2Megabytes, seconds } = await measureBuild(role);
      rows.push(rowOf({ what: `${role} qcow2`, unit: 'MB' }, [qcow2Megabytes]));
      rows.push(rowOf({ what: `${role} build`, unit: 's' }, [seconds]));
    }
    return rows;
  },
};
