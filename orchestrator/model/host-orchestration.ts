// What commands on hosts, their power and the places of machines ask of the machinery behind them.

/** A host's power, as its controller says. */
export type PowerState = 'On' | 'Off' | 'Unknown';
/** CloudStack's power operations of out-of-band management. */
export const powerActions = ['ON', 'OFF', 'CYCLE', 'RESET', 'SOFT', 'STATUS'] as const;
export type PowerAction = (typeof powerActions)[number];

/** Each throws ApiError as the methods of Orchestration do; the long ones may be called again after a crash. */
export interface HostOrchestration {
  /** A new join token for a host's row: its text, which is told once, and the secret as the row keeps it. */
  newJoinToken(hostId: string): { readonly token: string; readonly sealedSecret: string };
  /** Seals a secret for a row. */
  sealSecret(text: string): string;
  /** Opens one, for an answer whose purpose is to tell it. Throws where it was not sealed here. */
  openSecret(sealed: string): string;
  /** Asks a host whether it is there, and takes it back where it was lost. Throws 534 where it does not answer. */
  reconnectHost(hostId: string): Promise<void>;
  /** Moves everything that runs on a host to others. Throws 533 or 530 with what stays and why. */
  emptyHost(hostId: string): Promise<void>;
  /** Takes from a host what it carries, and its row away. Throws 536 where it may still carry what cannot be ended. */
  removeHost(hostId: string, options: { forced: boolean }): Promise<void>;
  /** Does a power action by the host's controller; answers with the state after it. */
  issuePowerAction(hostId: string, action: PowerAction): Promise<PowerState>;
  /** Changes the password at the host's controller, and what is written down of it. */
  changePowerPassword(hostId: string, password: string): Promise<void>;
  /** Moves a running instance to a host; null: one that an allocator chooses. */
  migrateVirtualMachine(id: string, hostId: string | null): Promise<void>;
  /** Moves a router, with its leases, to a host; null: one that an allocator chooses. */
  migrateRouter(id: string, hostId: string | null): Promise<void>;
}
