// The rules of an appliance that routes for nobody: its agent on the control NIC, what it serves, and what it asks of its
// host. What it serves is left out of connection tracking, so that nobody fills the table from outside.
import type { Chain, Match, Rule, RuleSet } from '@isthmus/iptables-ts';
import { type InterfaceName, type Ipv4Address, ipv4Network, portRange } from '@isthmus/net';
import {
  type ControlPath,
  controlForward,
  controlInput,
  controlOutput,
  rawControl,
  rawControlOutput,
} from './control-path.ts';

/** A TCP server that everybody may reach, on one NIC by one address of it. */
export interface OpenPort {
  readonly interface: InterfaceName;
  readonly address: Ipv4Address;
  readonly port: number;
}

/** What goes in and out beside the agent's port. */
export interface Admitted {
  readonly servers: readonly OpenPort[];
  /** TCP ports of the control network's host that the appliance connects to. */
  readonly hostPorts: readonly number[];
}

const loopback = 'lo' as InterfaceName;
const established: Match = { conntrackStates: ['ESTABLISHED', 'RELATED'] };

function rule(match: Match, kind: 'ACCEPT' | 'NOTRACK'): Rule {
  return { match, target: { kind } };
}

/** Packets to a server, and those that it sends. */
function toServer({ interface: inInterface, address, port }: OpenPort): Match {
  return { inInterface, destination: ipv4Network(address, 32), protocol: 'tcp', destinationPorts: portRange(port) };
}

function fromServer({ interface: outInterface, address, port }: OpenPort): Match {
  return { outInterface, source: ipv4Network(address, 32), protocol: 'tcp', sourcePorts: portRange(port) };
}

/** Packets to a port of the host, and its answers. */
function toHostPort({ interface: outInterface, address, gateway }: ControlPath, port: number): Match {
  const [source, destination] = [ipv4Network(address, 32), ipv4Network(gateway, 32)];
  return { outInterface, source, destination, protocol: 'tcp', destinationPorts: portRange(port) };
}

function fromHostPort({ interface: inInterface, address, gateway }: ControlPath, port: number): Match {
  const [source, destination] = [ipv4Network(gateway, 32), ipv4Network(address, 32)];
  return { inInterface, source, destination, protocol: 'tcp', sourcePorts: portRange(port) };
}

/** Echo, and what path MTU discovery (RFC 1191) needs of connections that are not tracked. */
function icmpOf({ interface: inInterface, address }: OpenPort): Rule[] {
  const base = { inInterface, destination: ipv4Network(address, 32), protocol: 'icmp' } as const;
  return [rule({ ...base, icmp: { type: 8 } }, 'ACCEPT'), rule({ ...base, icmp: { type: 3, code: 4 } }, 'ACCEPT')];
}

/** The rules while it serves. Without servers and host ports they admit what closedRules does. */
export function servedRules(control: ControlPath, { servers, hostPorts }: Admitted): RuleSet {
  const [notracked, taken, ...dropped] = rawControl(control);
  const [agent, ...closed] = controlInput(control);
  const [agentAnswers, ...silent] = controlOutput(control);
  const asked = hostPorts.map((port) => toHostPort(control, port));
  const answers = hostPorts.map((port) => fromHostPort(control, port));
  const first = [notracked, taken].filter((each) => each !== undefined);
  const opened = [...new Set(servers.map((server) => server.interface))];
  return {
    raw: new Map<string, Chain>([
      [
        'PREROUTING',
        {
          policy: 'ACCEPT',
          rules: [
            ...first,
            ...answers.map((match) => rule(match, 'ACCEPT')),
            ...dropped,
            ...servers.map((server) => rule(toServer(server), 'NOTRACK')),
          ],
        },
      ],
      [
        'OUTPUT',
        {
          policy: 'ACCEPT',
          rules: [
            ...rawControlOutput(control).flatMap(([, { rules }]) => rules),
            ...servers.map((server) => rule(fromServer(server), 'NOTRACK')),
          ],
        },
      ],
    ]),
    filter: new Map<string, Chain>([
      [
        'INPUT',
        {
          policy: 'DROP',
          rules: [
            ...(agent === undefined ? [] : [agent]),
            ...answers.map((match) => rule({ ...match, ...established }, 'ACCEPT')),
            ...closed,
            rule({ inInterface: loopback }, 'ACCEPT'),
            ...servers.map((server) => rule(toServer(server), 'ACCEPT')),
            ...servers.flatMap(icmpOf),
            ...opened.map((inInterface) => rule({ inInterface, ...established }, 'ACCEPT')),
          ],
        },
      ],
      ['FORWARD', { policy: 'DROP', rules: controlForward(control) }],
      [
        'OUTPUT',
        {
          policy: 'ACCEPT',
          rules: [
            ...(agentAnswers === undefined ? [] : [agentAnswers]),
            ...asked.map((match) => rule(match, 'ACCEPT')),
            ...silent,
          ],
        },
      ],
    ]),
  };
}
