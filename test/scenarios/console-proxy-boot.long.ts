// The console proxy's image in a VM: it takes its identity from a config drive, serves a pushed document from the ports that
// are documented, opens a session to its own test screen, and comes back by itself after its QEMU was killed.
import test from 'ava';
import { ApplianceClient } from '../../orchestrator/drivers/appliance-client.ts';
import { pushOf } from '../../services/console-proxy/src/document/document-fixture.ts';
import { controlBridge, createApplianceVm, imageOf } from '../lab/appliance-vm.ts';
import { proxyAddress, proxyControl, proxyDocument, proxyDrive, publicMac } from '../lab/console-proxy.ts';
import { ControlPki } from '../lab/control-pki.ts';
import { internet, labFor, pings, waitFor } from '../lab/index.ts';
import { documentedProxyPorts, openPorts } from '../lab/port-scan.ts';

const mebibyte = 1024 * 1024;
const port = 8080;

test('a console proxy in a VM serves a pushed document, and nothing else can be reached', async (t) => {
  t.timeout(15 * 60_000);
  const lab = await labFor(t, { hostAgent: false });
  const nics = [
    { tap: 'vmtap0', bridge: internet.bridge, macAddress: publicMac },
    { tap: 'vmtap1', bridge: controlBridge, macAddress: proxyControl.macAddress },
  ];
  const image = await imageOf(lab.machine, 'console-proxy');
  const vm = await createApplianceVm(lab, image, { nics, control: proxyControl, drive: proxyDrive });
  const pki = await ControlPki.create(lab.installation);
  const identity = pki.identity(await pki.issue('orchestrator', 'test'));
  const client = new ApplianceClient({ id: vm.id, identity, openTunnel: () => vm.openTunnel() });
  t.teardown(() => client.close());

  await vm.powerOn(await vm.writeDrive('drive', await pki.bootstrap(vm.id, null)));
  await vm.says('isthmus: waits for its document');
  t.deepEqual(await openPorts(lab.internet, proxyAddress), []);
  const push = pushOf(proxyDocument(), 1);
  t.deepEqual(await client.putDocument(push), { identity: push.target });
  await vm.says('isthmus: serving (generation: 1');
  const checked = async () => (await client.operate('health-checks', { fresh: true })).results[0];
  t.like(await checked(), { name: 'console', status: 'SUCCESS' });
  t.log((await checked())?.detail);

  const sides = await Promise.all([openPorts(lab.internet, proxyAddress), openPorts(lab.host, proxyControl.address)]);
  t.deepEqual(sides, [await documentedProxyPorts('public', port), await documentedProxyPorts('control', port)]);
  t.true(await pings(lab.internet, proxyAddress));
  const { memoryUsedBytes, stages } = await client.bootReport();
  t.log(
    `${Math.round(memoryUsedBytes / mebibyte)} MiB in use; ${stages.map(({ stage, atMs }) => `${stage} ${atMs} ms`).join(', ')}`,
  );
  t.true(memoryUsedBytes < 200 * mebibyte);

  await vm.powerOff();
  await vm.powerOn(null);
  await vm.says('isthmus: serving (generation: 1');
  await waitFor('it is healthy', async () => (await checked().catch(() => null))?.status === 'SUCCESS', 60_000);
  t.deepEqual((await client.status()).serving, push.target);
});
