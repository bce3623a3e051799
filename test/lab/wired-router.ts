// A router's namespace and a guest's on a lab's host, for tests and benchmarks that drive an agent in their own process.
import { createNamespaceHost, type Host } from '@isthmus/host';
import type { RouterPaths } from '@isthmus/router';
import type { Lab } from './index.ts';
import { addNamespace, internet, plug } from './network.ts';
import { guestMac, settings } from './router-document.ts';

/** The guests' bridge in the lab's host. */
export const guestBridge = 'gst0';

/** Hosts whose commands run in the namespaces, and where the router keeps its files. */
export interface Wires {
  readonly router: Host;
  readonly guest: Host;
  readonly paths: RouterPaths;
}

/** A router's namespace and a guest's, wired to the lab's host; nothing of them configured yet. */
export async function wire(lab: Lab): Promise<Wires> {
  const named = (name: string) => `lab-${lab.installation}-${name}`;
  const [router, guest, hostNamespace] = [named('router'), named('guest'), named('host')];
  for (const name of [router, guest]) await addNamespace(lab.machine, name);
  const bridge = guestBridge;
  await lab.host.commands.run('ip', ['link', 'add', 'name', bridge, 'up', 'type', 'bridge', 'forward_delay', '0']);
  const [inside, outside] = settings.routing.interfaces;
  const nic = (port: string, name: string, macAddress: string) => ({ port, name, macAddress });
  await plug(lab.machine, { hostNamespace, namespace: router, bridge }, nic('p1', 'eth0', inside?.macAddress ?? ''));
  await plug(
    lab.machine,
    { hostNamespace, namespace: router, bridge: internet.bridge },
    nic('p2', 'eth2', outside?.macAddress ?? ''),
  );
  await plug(lab.machine, { hostNamespace, namespace: guest, bridge }, nic('p3', 'eth0', guestMac));
  const paths = { state: `${lab.state}/router`, run: `${lab.run}/router` };
  // Daemons that drop privileges pass through them.
  for (const path of Object.values(paths)) await lab.machine.files.makeDirectory(path, { mode: 0o755 });
  return {
    router: createNamespaceHost(lab.machine, router),
    guest: createNamespaceHost(lab.machine, guest),
    paths,
  };
}

/** Gets a lease by udhcpc and configures eth0 with it; answers with the client's words. Throws where there is none. */
export async function lease(lab: Lab, guest: Host): Promise<string> {
  const script = `${lab.run}/udhcpc-script`;
  const text = `#!/bin/sh
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ip address replace "$ip/$mask" dev "$interface"
ip route replace default via "$router" dev "$interface"
echo "lease $ip router $router dns $dns domain $domain hostname $hostname"
`;
  await lab.machine.files.writeText(script, text, { mode: 0o755 });
  const args = ['-f', '-n', '-q', '-t', '5', '-T', '1', '-i', 'eth0', '-s', script, '-x', 'hostname:guest'];
  const { stdout, stderr } = await guest.commands.run('udhcpc', args, { timeoutMs: 15_000 });
  return stdout + stderr;
}
