// What differs between appliances whose agent lives in this process and those that are machines of their own.
import type { ApplianceReport, ApplianceSpec } from '@isthmus/contract';

/** What a report says of an appliance besides its state. */
export type ApplianceTraits = Pick<ApplianceReport, 'agent' | 'controlAddress' | 'hasConfigDrive'>;

/** How appliances are carried. Every step may be repeated, and finishes what a killed one began. */
export interface ApplianceCarrier {
  /** Makes what is absent of it and starts it. */
  make(id: string, spec: ApplianceSpec): Promise<void>;
  /** Called before `make` where the spec is another than before. */
  change(id: string, before: ApplianceSpec, after: ApplianceSpec): Promise<void>;
  /** Brings it to rest; it is known not to run when this resolves. */
  halt(id: string): Promise<void>;
  /** Removes what outlives its rest, also of one that was never made. */
  forget(id: string): Promise<void>;
  traits(id: string): Promise<ApplianceTraits>;
  /** The host agent ends; the appliances go on. */
  release(): Promise<void>;
  /** Everything is about to be removed: ends what the driver does not end. */
  shutdown(): Promise<void>;
}
