// What the schema cannot see of the section `firewall`: rules that mean nothing, settings that disagree with `nat`.
import type { EgressRule, RouterDocument } from '@isthmus/contract';
import { ipv6Network } from '@isthmus/net';
import { portRangeFaults } from './nat.ts';
import type { DocumentChange, DocumentFault } from './service.ts';

type ProtocolFields = Pick<EgressRule, 'protocol' | 'ports' | 'icmp'>;

function ruleFaults(path: string, { protocol, ports, icmp }: ProtocolFields): DocumentFault[] {
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

/** Collections that a network has entries of only where it is routed, or only where it is not. */
const behindNat = ['nat.portForwards', 'nat.staticNats', 'firewall.ingress', 'firewall.egress'] as const;

/** Entries that mean nothing in this kind of network. On a change of the settings every entry is looked at. */
function kindFaults({ full, sections, document, entries }: DocumentChange): DocumentFault[] {
  const { settings } = document;
  const isRouted = settings.firewall.isRouted === true;
  const isWhole = full || sections.has('firewall');
  const names = isRouted ? behindNat : (['firewall.routed'] as const);
  const ids = names.flatMap((name) => {
    const present = isWhole
      ? [...document.entries[name].keys()]
      : entries[name].flatMap(({ id, after }) => (after === undefined ? [] : [id]));
    return present.map((id) => `${name}.${id}`);
  });
  const kind = isRouted ? 'a network that is not routed' : 'a routed network (firewall.isRouted)';
  const faults = ids.map((path) => ({ path, message: `${path}: expected in ${kind} only` }));
  const { sourceNatAddress } = settings.nat;
  if (!isRouted || sourceNatAddress === undefined || !(isWhole || sections.has('nat'))) return faults;
  const message = `nat.sourceNatAddress ${sourceNatAddress}: expected none in a routed network`;
  return [...faults, { path: 'nat.sourceNatAddress', message }];
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
  const rules = (['firewall.ingress', 'firewall.egress', 'firewall.routed'] as const).flatMap((name) =>
    change.entries[name].flatMap(({ id, after }) => (after === undefined ? [] : ruleFaults(`${name}.${id}`, after))),
  );
  return [...(settingsChanged ? settingsFaults(change) : []), ...rules, ...kindFaults(change)];
}

/** The network of `firewall.guestNetworkIpv6` is that of the router's address on the guest NIC. */
function ipv6SettingsFaults({ settings: { firewall, routing } }: RouterDocument): DocumentFault[] {
  const { guestNetworkIpv6, guestInterface } = firewall;
  const path = 'firewall.guestNetworkIpv6';
  const own = routing.interfaces.find(({ name }) => name === guestInterface)?.ipv6;
  const network = own === undefined ? undefined : ipv6Network(own.address, own.prefixLength);
  if (network === guestNetworkIpv6) return [];
  const expected = `${network ?? 'none'}, the IPv6 network of ${guestInterface} in routing.interfaces`;
  return [{ path, message: `${path} ${guestNetworkIpv6 ?? 'absent'}: expected ${expected}` }];
}

/** Cross-reference faults of IPv6 in a change: rules need a network that has it. */
export function ipv6FirewallFaults(change: DocumentChange): DocumentFault[] {
  const { full, sections, document, entries } = change;
  const isWhole = full || sections.has('firewall');
  const faults = entries['firewall.ipv6'].flatMap(({ id, after }) =>
    after === undefined ? [] : ruleFaults(`firewall.ipv6.${id}`, after),
  );
  const settings = isWhole || sections.has('routing') ? ipv6SettingsFaults(document) : [];
  if (document.settings.firewall.guestNetworkIpv6 !== undefined) return [...settings, ...faults];
  const ids = isWhole
    ? [...document.entries['firewall.ipv6'].keys()]
    : entries['firewall.ipv6'].flatMap(({ id, after }) => (after === undefined ? [] : [id]));
  const misplaced = ids.map((id) => {
    const path = `firewall.ipv6.${id}`;
    return { path, message: `${path}: expected in a network with firewall.guestNetworkIpv6 only` };
  });
  return [...settings, ...faults, ...misplaced];
}
