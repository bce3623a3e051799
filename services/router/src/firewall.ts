// What the schema cannot see of the section `firewall`: rules that mean nothing, settings that disagree with `nat`.
import type { EgressRule, IngressRule } from '@isthmus/contract';
import { portRangeFaults } from './nat.ts';
import type { DocumentChange, DocumentFault } from './service.ts';

function ruleFaults(path: string, { protocol, ports, icmp }: IngressRule | EgressRule): DocumentFault[] {
  const faults: DocumentFault[] = [];
  if (ports !== undefined && protocol !== 'tcp' && protocol !== 'udp') {
    const message = `${path}.ports ${ports.first} to ${ports.last}: expected none with protocol ${protocol}`;
    faults.push({ path: `${path}.ports`, message });
  }
  if (ports !== undefined) faults.push(...portRangeFaults(`${path}.ports`, ports));
  if (icmp !== undefined && protocol !== 'icmp') {
    const message = `${path}.icmp type ${icmp.type}: expected none with protocol ${protocol}`;
    faults.push({ path: `${path}.icmp`, message });
  }
  if (icmp !== undefined && icmp.type === -1 && icmp.code !== -1) {
    faults.push({
      path: `${path}.icmp.code`,
      message: `${path}.icmp.code ${icmp.code}: expected -1 where the type is -1, which means any`,
    });
  }
  return faults;
}

function settingsFaults({ document: { settings } }: DocumentChange): DocumentFault[] {
  return (['guestInterface', 'publicInterface', 'guestNetwork'] as const).flatMap((field) => {
    const value = settings.firewall[field];
    const expected = settings.nat[field];
    if (value === expected) return [];
    const path = `firewall.${field}`;
    return [{ path, message: `${path} ${value ?? 'absent'}: expected ${expected ?? 'none'}, as nat.${field} has it` }];
  });
}

/** Cross-reference faults of `firewall` in a change. */
export function firewallFaults(change: DocumentChange): DocumentFault[] {
  const settingsChanged = change.full || change.sections.has('firewall') || change.sections.has('nat');
  const rules = (['firewall.ingress', 'firewall.egress'] as const).flatMap((name) =>
    change.entries[name].flatMap(({ id, after }) => (after === undefined ? [] : ruleFaults(`${name}.${id}`, after))),
  );
  return [...(settingsChanged ? settingsFaults(change) : []), ...rules];
}
