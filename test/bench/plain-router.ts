// The peer of throughput: a router as one makes it by hand, with two iptables rules and a guest of its own behind it.
import { createNamespaceHost, type Host } from '@isthmus/host';
import { internet, type Lab } from '../lab/index.ts';
import { addNamespace, plug } from '../lab/network.ts';
import { guestBridge } from '../lab/wired-router.ts';

const inside = '10.1.1.2';
const outside = '203.0.113.20';
const guestAddress = '10.1.1.20';

/** A hand-made NAT router and its guest. */
export interface PlainRouter {
  /** Its public address. */
  readonly publicAddress: string;
  readonly guestAddress: string;
  readonly guest: Host;
}

/** Makes one beside a wired router: forwards `port` to its guest, and masquerades. It ends with the lab. */
export async function startPlainRouter(lab: Lab, port: number): Promise<PlainRouter> {
  const named = (name: string) => `lab-${lab.installation}-${name}`;
  const [hostNamespace, router, guest] = [named('host'), named('plain'), named('plainguest')];
  for (const name of [router, guest]) await addNamespace(lab.machine, name);
  const nic = (name: string, port: string, last: string, address: string) => ({
    name,
    port,
    macAddress: `02:00:00:00:02:${last}`,
    address,
  });
  const onGuests = { hostNamespace, bridge: guestBridge };
  await plug(lab.machine, { ...onGuests, namespace: router }, nic('eth0', 'q1', '01', `${inside}/16`));
  await plug(lab.machine, { ...onGuests, namespace: guest }, nic('eth0', 'q3', '10', `${guestAddress}/16`));
  const onPublic = { hostNamespace, bridge: internet.bridge, namespace: router };
  await plug(lab.machine, onPublic, nic('eth2', 'q2', '02', `${outside}/24`));
  const inRouter = createNamespaceHost(lab.machine, router).commands;
  const inGuest = createNamespaceHost(lab.machine, guest);
  await inGuest.commands.run('ip', ['route', 'add', 'default', 'via', inside]);
  await inRouter.run('ip', ['route', 'add', 'default', 'via', internet.gateway]);
  await inRouter.run('sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
  const rules = [
    '*nat',
    `-A PREROUTING -d ${outside} -p tcp --dport ${port} -j DNAT --to-destination ${guestAddress}:${port}`,
    '-A POSTROUTING -o eth2 -j MASQUERADE',
    'COMMIT',
  ];
  await inRouter.run('iptables-restore', [], { input: `${rules.join('\n')}\n` });
  return { publicAddress: outside, guestAddress, guest: inGuest };
}
