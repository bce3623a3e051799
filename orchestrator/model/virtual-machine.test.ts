import { isHostname } from '@isthmus/net';
import test from 'ava';
import fc from 'fast-check';
import { ApiError } from './api-error.ts';
import { defaultNetworkDomain } from './network-domain.ts';
import { presentServices } from './network-service.ts';
import {
  checkRouterAction,
  checkVirtualMachineAction,
  defaultHostname,
  instanceName,
  routerName,
  takesRules,
  type VirtualMachineAction,
  type VirtualMachineState,
} from './virtual-machine.ts';

const states: readonly VirtualMachineState[] = [
  'Starting',
  'Running',
  'Stopping',
  'Stopped',
  'Migrating',
  'Destroyed',
  'Expunging',
  'Error',
];
const allowed: Readonly<Record<VirtualMachineAction, readonly VirtualMachineState[]>> = {
  start: ['Starting', 'Stopped', 'Error'],
  stop: ['Starting', 'Running', 'Stopping', 'Stopped'],
  reboot: ['Running'],
  migrate: ['Running', 'Migrating'],
  destroy: ['Starting', 'Running', 'Stopping', 'Stopped', 'Destroyed', 'Error'],
  reset: ['Stopped'],
  recover: ['Destroyed'],
  expunge: ['Destroyed', 'Expunging', 'Error'],
};
for (const [action, expected] of Object.entries(allowed) as [VirtualMachineAction, readonly VirtualMachineState[]][]) {
  test(`an instance can ${action} in ${expected.join(', ')} alone`, (t) => {
    const works = states.filter((state) => {
      try {
        checkVirtualMachineAction(action, { name: 'vm', state });
        return true;
      } catch (error) {
        t.true(error instanceof ApiError && error.errorcode === 431);
        return false;
      }
    });
    t.deepEqual(works, expected);
  });
}

test('a router that is destroyed does not start', (t) => {
  t.throws(() => checkRouterAction('start', { name: 'r-1-VM', state: 'Destroyed' }), {
    message: 'Cannot start router r-1-VM in state Destroyed: expected state Stopped or Starting or Error',
  });
  t.notThrows(() => checkRouterAction('start', { name: 'r-1-VM', state: 'Stopped' }));
});

test('rules lead to instances that live', (t) => {
  t.deepEqual(
    states.filter((state) => !takesRules(state)),
    ['Destroyed', 'Expunging', 'Error'],
  );
});

test('names that are made are valid', (t) => {
  fc.assert(
    fc.property(fc.uuid(), (id) => isHostname(defaultHostname(id)) && defaultNetworkDomain(id).startsWith('cs')),
  );
  t.is(instanceName(12), 'i-12-VM');
  t.is(routerName(7), 'r-7-VM');
});

test('services are listed by name with providers and capabilities', (t) => {
  const [firewall, , other] = presentServices({ Firewall: ['VirtualRouter'], Other: [], Gateway: ['VirtualRouter'] });
  t.like(firewall, { name: 'Firewall', provider: [{ name: 'VirtualRouter' }] });
  t.deepEqual(other, { name: 'Other', provider: [], capability: [] });
});
