// What differs between kinds of appliances, and between hosts: where the agent of an appliance is, and what it runs in.
import type { Agent } from '@isthmus/agent';
import type { ApplianceReport, ApplianceSpec, Nic } from '@isthmus/contract';
import type { ConfigDrives } from './control/config-drives.ts';
import type { ControlNetwork } from './control/control-network.ts';

/** What a report says of an appliance besides its state. */
export type ApplianceTraits = Pick<ApplianceReport, 'agent' | 'controlAddress' | 'hasConfigDrive'>;

/** Agents that live in this process. */
interface AgentsHere {
  readonly where: 'here';
  /** The agent of an appliance that runs; undefined where it does not, or its turn has not come. */
  of(id: string): Agent | undefined;
}

/** Agents inside of what is carried: they have a control NIC, get their identity by config drive, and are asked through the tunnel. */
interface AgentsInside {
  readonly where: 'inside';
  /** Takes the config drive out of what runs. No error where none is in. */
  ejectConfigDrive(id: string): Promise<void>;
}

/** How appliances are carried. Every step may be repeated, and finishes what a killed one began. */
export interface ApplianceCarrier {
  readonly agents: AgentsHere | AgentsInside;
  /** Makes what is absent of it and starts it. */
  make(id: string, spec: ApplianceSpec): Promise<void>;
  /** Called before `make` where the spec is another than before. */
  change(id: string, before: ApplianceSpec, after: ApplianceSpec): Promise<void>;
  /** Brings it to rest; it is known not to run when this resolves. */
  halt(id: string): Promise<void>;
  /** Removes what outlives its rest, also of one that was never made. */
  forget(id: string): Promise<void>;
  traits(id: string): Promise<ApplianceTraits>;
  /** Of those that should run, the ones that do not, or not whole. Cheap: it is asked every few seconds. */
  broken(machines: readonly { readonly id: string; readonly nics: readonly Nic[] }[]): Promise<string[]>;
  /** What it wrote last on its console; '' where it has none. */
  lastWords(id: string): Promise<string>;
  /** The host agent ends; the appliances go on. */
  release(): Promise<void>;
  /** Everything is about to be removed: ends what the driver does not end. */
  shutdown(): Promise<void>;
}

/** Of an appliance whose agent is inside of what is carried. */
export async function traitsOfInside(
  { control, drives }: { readonly control: Pick<ControlNetwork, 'nicOf'>; readonly drives: Pick<ConfigDrives, 'has'> },
  id: string,
): Promise<ApplianceTraits> {
  const nic = control.nicOf(id);
  const hasConfigDrive = await drives.has(id);
  return { agent: null, hasConfigDrive, ...(nic === null ? {} : { controlAddress: nic.address }) };
}
