// What commands ask of the machinery behind them (reconcile). Commands import this port, never the machinery.
import type { DriverName, OperationAnswer } from '@isthmus/contract';
import type { ConsoleOrchestration } from './console-orchestration.ts';
import type { HealthOrchestration } from './health-orchestration.ts';
import type { HostOrchestration } from './host-orchestration.ts';

/** A table of rules whose rows become entries of a router's document, each with a state of its own. */
export type StoredRuleTable =
  | 'firewall_rule'
  | 'port_forwarding_rule'
  | 'load_balancer_rule'
  | 'load_balancer_member'
  | 'ipv6_firewall_rule'
  | 'routing_firewall_rule';
/** Also the table of public addresses, whose rules are static NAT. */
export type RuleTable = StoredRuleTable | 'public_ip_address';

/**
 * Long work behind the API. Every method is idempotent: a job that is tried again after a crash calls it again. Each
 * throws ApiError: 533 insufficient capacity, 534 unreachable, 530 with the reason otherwise.
 */
export interface Orchestration extends HostOrchestration, HealthOrchestration, ConsoleOrchestration {
  /**
   * Resolves when the generation that holds a rule's change is acknowledged (or the router is stopped or not there, so
   * that the change is only stored). Add has become Active, Revoke has vanished. A refusal puts the row back (a new one
   * vanishes, a changed one returns to `previous`, a revoked one is Active again) and throws.
   */
  settleRule(table: RuleTable, id: string): Promise<void>;
  /** What the network's router counts of its load balancers; null where it does not answer within 2 seconds, or is not there. */
  loadBalancerStatistics(networkId: string): Promise<OperationAnswer<'load-balancer-statistics'> | null>;
  /**
   * Resolves when everything that was noted of a network's document is acknowledged, or stored where no router runs.
   * Throws where the router refuses something other than a rule.
   */
  applyChanges(networkId: string): Promise<void>;
  /** Implements the network if need be (VNI, source NAT address, router running, document acknowledged). */
  implementNetwork(networkId: string): Promise<void>;
  /** Applies the network's whole document again; with `cleanup` a new router replaces the old one. */
  restartNetwork(networkId: string, options: { cleanup: boolean }): Promise<void>;
  /** Router gone, source NAT address kept, state Allocated. */
  shutdownNetwork(networkId: string): Promise<void>;
  /** All of it gone: rules, addresses released, router, the row. */
  deleteNetwork(networkId: string): Promise<void>;
  startVirtualMachine(id: string): Promise<void>;
  stopVirtualMachine(id: string, options: { forced: boolean }): Promise<void>;
  rebootVirtualMachine(id: string): Promise<void>;
  /** Instance gone, its rules and static NAT revoked; with `expunge` the row too. */
  destroyVirtualMachine(id: string, options: { expunge: boolean }): Promise<void>;
  /** Plugs an instance's NICs in as its rows say, and lets their addresses through; also brings its routers up to date. */
  plugNics(machineId: string): Promise<void>;
  /** Unplugs a NIC and removes it, its lease and its names. */
  removeNic(nicId: string): Promise<void>;
  /** Brings the routers of an instance's networks up to date. */
  settleNics(machineId: string): Promise<void>;
  startRouter(id: string): Promise<void>;
  stopRouter(id: string, options: { forced: boolean }): Promise<void>;
  rebootRouter(id: string): Promise<void>;
  destroyRouter(id: string): Promise<void>;
  /**
   * Gives a router's VM the newest agent, which starts while traffic flows on; with `forced` also where it runs that one
   * already. In a namespace the whole document is applied again. Answers with what serves, for a person. Throws 530 with
   * the reason where the new agent did not come up and the one before it serves on.
   */
  patchRouter(id: string, options: { forced: boolean }): Promise<string>;
  /** Reads the counters of every router (generateUsageRecords). */
  collectUsage(): Promise<void>;
  /** Rules of the address revoked and settled, then the address free. */
  releasePublicIpAddress(id: string): Promise<void>;
  /** Reads the header of a qcow2 file on this machine (registerTemplate). Throws 431 for `url` with what is wrong of it. */
  inspectTemplateDisk(path: string): Promise<{ virtualBytes: number }>;
  /** Begins to copy and to inspect the disk of a template in state Importing; its row says what became of it. */
  importTemplate(templateId: string): void;
  /** The row gone, and its disk where no other template has it. */
  deleteTemplate(templateId: string): Promise<void>;
  /** Asks the host agent at `url` who it is (addHost). Throws 534 where it does not answer. */
  probeHost(
    url: string,
  ): Promise<{ name: string; driver: DriverName; cpus: number; memoryBytes: number; version: string }>;
}
