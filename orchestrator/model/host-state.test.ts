import test from 'ava';
import { type HostSigns, type HostState, hostStep } from './host-state.ts';

const signs = (changes: Partial<HostSigns> = {}): HostSigns => ({
  answered: false,
  failures: 9,
  silentMs: 6_000,
  ...changes,
});

const rows: readonly (readonly [HostState, Partial<HostSigns>, ReturnType<typeof hostStep>])[] = [
  ['Connecting', { answered: true }, 'join'],
  ['Connecting', {}, 'join'],
  ['Up', { answered: true }, 'refresh'],
  ['Up', { silentMs: 4_999 }, 'wait'],
  ['Up', { failures: 1 }, 'wait'],
  ['Up', {}, 'fence'],
  ['Disconnected', { silentMs: 0 }, 'wait'],
  ['Disconnected', {}, 'fence'],
  ['Disconnected', { answered: true }, 'return'],
  ['Alert', {}, 'fence'],
  ['Alert', { answered: true }, 'return'],
  ['Down', {}, 'evacuate'],
  ['Down', { answered: true }, 'return'],
];

for (const [state, changes, step] of rows) {
  test(`a host that is ${state}, with ${JSON.stringify(changes)}: ${step}`, (t) => {
    t.is(hostStep({ state }, signs(changes), 5_000), step);
  });
}
