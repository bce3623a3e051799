import type { EntityRow } from '../entities.ts';

/** CloudStack's `hostcontrolstate`: Enabled, Disabled or Offline. */
export function hostControlState({ state, resource_state: resourceState }: EntityRow<'host'>): string {
  if (state !== 'Up') return 'Offline';
  return resourceState === 'Enabled' ? 'Enabled' : 'Disabled';
}
