import { type Fqdn, parseFqdn } from '@isthmus/net';

/** The DNS domain of a network that nobody named: `cs` and the account, below the zone's suffix, as in the field. */
export function defaultNetworkDomain(accountId: string): Fqdn {
  return parseFqdn(`cs${accountId.slice(0, 8)}.cloud.internal`);
}
