// States and names of instances and routers.
import { type Hostname, parseHostname } from '@isthmus/net';
import { ApiError } from './api-error.ts';

export type VirtualMachineState =
  | 'Starting'
  | 'Running'
  | 'Stopping'
  | 'Stopped'
  | 'Migrating'
  | 'Destroyed'
  | 'Expunging'
  | 'Error';
export type RouterState = 'Starting' | 'Running' | 'Stopping' | 'Stopped' | 'Destroyed' | 'Error';

const virtualMachineActions = {
  start: ['Stopped', 'Starting', 'Error'],
  stop: ['Running', 'Stopping', 'Stopped', 'Starting'],
  reboot: ['Running'],
  migrate: ['Running', 'Migrating'],
  destroy: ['Starting', 'Running', 'Stopping', 'Stopped', 'Destroyed', 'Error'],
  /** Of what its guest reads when it starts: its password, SSH keys and user data. */
  reset: ['Stopped'],
  recover: ['Destroyed'],
  expunge: ['Destroyed', 'Expunging', 'Error'],
} as const satisfies Record<string, readonly VirtualMachineState[]>;

const routerActions = {
  start: ['Stopped', 'Starting', 'Error'],
  stop: ['Running', 'Stopping', 'Stopped', 'Starting'],
  reboot: ['Running'],
  destroy: ['Starting', 'Running', 'Stopping', 'Stopped', 'Destroyed', 'Error'],
  scale: ['Running', 'Stopped'],
} as const satisfies Record<string, readonly RouterState[]>;

export type VirtualMachineAction = keyof typeof virtualMachineActions;
export type RouterAction = keyof typeof routerActions;

function check(what: string, name: string, action: string, state: string, allowed: readonly string[]): void {
  if (allowed.includes(state)) return;
  throw new ApiError(
    'parameter',
    `Cannot ${action} ${what} ${name} in state ${state}: expected state ${allowed.join(' or ')}`,
  );
}

/** Whether an instance's state lets it be started, stopped and so on. Throws 431. */
export function checkVirtualMachineAction(
  action: VirtualMachineAction,
  machine: { readonly name: string; readonly state: VirtualMachineState },
): void {
  check('virtual machine', machine.name, action, machine.state, virtualMachineActions[action]);
}

/** Whether a router's state lets it be started, stopped and so on. Throws 431. */
export function checkRouterAction(
  action: RouterAction,
  router: { readonly name: string; readonly state: RouterState },
): void {
  check('router', router.name, action, router.state, routerActions[action]);
}

/** Whether a system VM's state lets it be started, stopped and so on. Throws 431. */
export function checkSystemVmAction(
  action: RouterAction,
  vm: { readonly name: string; readonly state: RouterState },
): void {
  check('system VM', vm.name, action, vm.state, routerActions[action]);
}

/** States in which an instance may be the target of a rule. */
export function takesRules(state: VirtualMachineState): boolean {
  return state !== 'Destroyed' && state !== 'Expunging' && state !== 'Error';
}

/** The name of an instance whose caller gave none, as the field makes it. */
export function defaultHostname(id: string): Hostname {
  return parseHostname(`vm-${id}`);
}

/** Internal name of an instance: unique in the installation. */
export function instanceName(number: number): string {
  return `i-${number}-VM`;
}

/** Name of a router: unique in the installation. */
export function routerName(number: number): string {
  return `r-${number}-VM`;
}
