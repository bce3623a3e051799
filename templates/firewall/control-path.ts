// The NIC over which a router in a VM is managed: the host on it reaches the agent's port, and nothing else goes in, out or
// through. Its packets are left out of connection tracking, so that a full table does not cut the router off.
import type { Chain, Match, Rule, RuleSet } from '@isthmus/iptables-ts';
import { type InterfaceName, type Ipv4Address, ipv4Network, portRange } from '@isthmus/net';

/** The control NIC with its address, the host on its network (`gateway`), and the TCP port of the agent. */
export interface ControlPath {
  readonly interface: InterfaceName;
  readonly address: Ipv4Address;
  readonly prefixLength: number;
  readonly gateway: Ipv4Address;
  readonly port: number;
}

function accept(match: Match): Rule {
  return { match, target: { kind: 'ACCEPT' } };
}

function drop(match: Match): Rule {
  return { match, target: { kind: 'DROP' } };
}

/** The only packets that the control NIC takes. */
function fromHost({ interface: inInterface, gateway, address, port }: ControlPath): Match {
  const [source, destination] = [ipv4Network(gateway, 32), ipv4Network(address, 32)];
  return { inInterface, source, destination, protocol: 'tcp', destinationPorts: portRange(port) };
}

/** The only packets that leave by the control NIC. */
function toHost({ interface: outInterface, gateway, address, port }: ControlPath): Match {
  const [source, destination] = [ipv4Network(address, 32), ipv4Network(gateway, 32)];
  return { outInterface, source, destination, protocol: 'tcp', sourcePorts: portRange(port) };
}

/**
 * First rules of raw PREROUTING. The network of the control NIC is that NIC's alone: the kernel would take its address
 * on any other (weak host model, RFC 1122, 3.3.4.2).
 */
export function rawControl(control: ControlPath | undefined): Rule[] {
  if (control === undefined) return [];
  const { interface: inInterface, address, prefixLength } = control;
  const network = ipv4Network(address, prefixLength);
  return [
    { match: fromHost(control), target: { kind: 'NOTRACK' } },
    accept(fromHost(control)),
    drop({ inInterface }),
    drop({ inInterface, not: ['inInterface'], destination: network }),
    drop({ inInterface, not: ['inInterface'], source: network }),
  ];
}

/** raw OUTPUT, where there is anything in it. */
export function rawControlOutput(control: ControlPath | undefined): [string, Chain][] {
  if (control === undefined) return [];
  return [['OUTPUT', { policy: 'ACCEPT', rules: [{ match: toHost(control), target: { kind: 'NOTRACK' } }] }]];
}

/** First rules of filter INPUT. */
export function controlInput(control: ControlPath | undefined): Rule[] {
  if (control === undefined) return [];
  return [accept(fromHost(control)), drop({ inInterface: control.interface })];
}

/** First rules of filter FORWARD. */
export function controlForward(control: ControlPath | undefined): Rule[] {
  if (control === undefined) return [];
  return [drop({ inInterface: control.interface }), drop({ outInterface: control.interface })];
}

/** filter OUTPUT. */
export function controlOutput(control: ControlPath | undefined): Rule[] {
  if (control === undefined) return [];
  return [accept(toHost(control)), drop({ outInterface: control.interface })];
}

/** The rules before any document: the agent's port for the host, the loopback interface, and nothing else. */
export function closedRules(control: ControlPath): RuleSet {
  const loopback = 'lo' as InterfaceName;
  return {
    raw: new Map<string, Chain>([
      ['PREROUTING', { policy: 'ACCEPT', rules: rawControl(control) }],
      ...rawControlOutput(control),
    ]),
    filter: new Map<string, Chain>([
      ['INPUT', { policy: 'DROP', rules: [...controlInput(control), accept({ inInterface: loopback })] }],
      ['FORWARD', { policy: 'DROP', rules: controlForward(control) }],
      ['OUTPUT', { policy: 'ACCEPT', rules: controlOutput(control) }],
    ]),
  };
}
