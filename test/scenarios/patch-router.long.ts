// patchSystemVm of a router VM: to another build of its agent, and to builds that do not come up, under connections.
import { createHash } from 'node:crypto';
import { cp, link, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { ApiCallError } from '@isthmus/api-client';
import { createHost, silentLog } from '@isthmus/host';
import { type ImageManifest, manifestBytes, parseManifest, signManifest } from '@isthmus/image-manifest';
import test, { type ExecutionContext } from 'ava';
import { type Cloud, createCloud, type PublicIp, routersAsVms, type Tenant } from '../lab/cloud.ts';
import { ensureImages, imageFolder, imageKeyFolder } from '../lab/images.ts';
import { answererOf, internet, type Stream } from '../lab/index.ts';

const machine = createHost({ log: silentLog });
const patiently = { timeoutMs: 5000 };

let cloud: Cloud;
let folder: string;
let tenant: Tenant;
let ip: PublicIp;
let streams: Record<string, Stream>;

/** Copies of the images by links, besides what a release changes. */
async function copyImages(): Promise<void> {
  for (const role of await readdir(imageFolder)) {
    await mkdir(`${folder}/${role}`, { recursive: true });
    for (const name of await readdir(`${imageFolder}/${role}`)) {
      const [from, to] = [`${imageFolder}/${role}/${name}`, `${folder}/${role}/${name}`];
      const isChanged = name.startsWith('manifest.json') || name === 'router.mjs';
      await (isChanged ? cp(from, to) : link(from, to).catch(() => cp(from, to)));
    }
  }
}

/** Releases another build of the routers' agent. */
async function release(version: string, change: (bundle: string) => string): Promise<void> {
  const path = `${folder}/router`;
  const bundle = Buffer.from(change(await readFile(`${imageFolder}/router/router.mjs`, 'utf8')));
  const manifest = parseManifest(await readFile(`${imageFolder}/router/manifest.json`));
  const changed: ImageManifest = {
    ...manifest,
    version,
    files: manifest.files.map((file) =>
      file.kind === 'bundle'
        ? { ...file, bytes: bundle.length, sha256: createHash('sha256').update(bundle).digest('hex') }
        : file,
    ),
  };
  const bytes = manifestBytes(changed);
  const key = await readFile(`${imageKeyFolder}/private.pem`, 'utf8');
  await writeFile(`${path}/router.mjs`, bundle);
  await writeFile(`${path}/manifest.json`, bytes);
  await writeFile(`${path}/manifest.json.sig`, signManifest(bytes, key));
}

test.before(async (t) => {
  t.timeout(900_000);
  await ensureImages();
  folder = `/tmp/isthmus-patch-${createHash('sha256').update(String(performance.now())).digest('hex').slice(0, 8)}`;
  await copyImages();
  cloud = await createCloud({ ...routersAsVms, images: folder });
  tenant = await cloud.tenant('alice');
  const web = await tenant.deploy('web');
  ip = await tenant.sourceNat();
  await cloud.lab.startEcho(web.host, web.address, { http: 8081, echo: 7 });
  await tenant.forward(ip, web, { publicport: 7007, privateport: 7, openfirewall: true });
  await tenant.forward(ip, web, { publicport: 80, privateport: 80, openfirewall: true });
  await tenant.egressRule({ protocol: 'all' });
  streams = {
    inwards: await cloud.lab.startStream(cloud.lab.internet, ip.address, 7007),
    outwards: await cloud.lab.startStream(web.host, internet.server, 7),
  };
});
test.after.always(async () => {
  await cloud?.teardown();
  await machine.files.remove(folder);
});

/** Patches the router; null where that was done, else what the API says. */
async function patch(t: ExecutionContext): Promise<ApiCallError | null> {
  const { id } = await tenant.router();
  const began = performance.now();
  const failure = await cloud.admin.run('patchSystemVm', { id: String(id) }).then(
    ({ displaytext }) => {
      t.log(String(displaytext));
      return null;
    },
    (error: unknown) => {
      if (error instanceof ApiCallError) return error;
      throw error;
    },
  );
  t.log(`${Math.round((performance.now() - began) / 1000)} s: ${failure?.message ?? 'done'}`);
  return failure;
}

/** The router serves as ever: its rules can be changed, and are in force. */
async function assertServes(t: ExecutionContext, expected: object): Promise<void> {
  t.like(await tenant.router(), { state: 'Running', ...expected });
  t.is(await answererOf(cloud.lab.internet, `http://${ip.address}/`, patiently), 'web');
  const rule = await tenant.client.run('createFirewallRule', {
    ipaddressid: ip.id,
    protocol: 'tcp',
    startport: 9000,
    endport: 9000,
  });
  const { id } = rule.firewallrule as { id: string };
  await tenant.client.run('deleteFirewallRule', { id });
}

test.serial('another build of the agent comes in, and connections live', async (t) => {
  await assertServes(t, { requiresupgrade: false });
  await release('9.9.1', (bundle) => `${bundle}\n// Another build.\n`);
  await cloud.killOrchestrator('SIGTERM');
  await cloud.startOrchestrator();
  await assertServes(t, { requiresupgrade: true });
  t.is(await patch(t), null);
  await assertServes(t, { requiresupgrade: false, softwareversion: '9.9.1' });
  t.is(await patch(t), null);
});

test.serial('a build that throws at its start goes again, and the one before it serves on', async (t) => {
  await release('9.9.2', (bundle) => `throw new Error('it was built broken');\n${bundle}`);
  const failure = await patch(t);
  t.is(failure?.errorcode, 530);
  t.regex(failure?.message ?? '', /9\.9\.2 did not come up.*9\.9\.1 serves on.*ended twice/s);
  await assertServes(t, { softwareversion: '9.9.1', requiresupgrade: true });
});

test.serial('a bundle that is not the one that was signed reaches no router', async (t) => {
  await release('9.9.3', (bundle) => `${bundle}\n// Again another one.\n`);
  const path = `${folder}/router/router.mjs`;
  await writeFile(path, (await readFile(path, 'utf8')).slice(0, -2));
  t.is((await patch(t))?.errorcode, 534);
  await assertServes(t, { softwareversion: '9.9.1' });
});

test.serial('a build that hangs is ended in its time, and the one before it serves on', async (t) => {
  await release('9.9.4', (bundle) => `for (;;);\n${bundle}`);
  const failure = await patch(t);
  t.is(failure?.errorcode, 530);
  t.regex(failure?.message ?? '', /did not serve, or was not reached, in its time/);
  await assertServes(t, { softwareversion: '9.9.1' });
});

test.serial('all the while no connection has broken', async (t) => {
  for (const [way, stream] of Object.entries(streams)) {
    const { error, longestGapMs, sent, received } = await stream.stop();
    t.log(`${way}: ${received} of ${sent} echoes, longest gap ${longestGapMs} ms`);
    t.is(error, null, way);
  }
});
