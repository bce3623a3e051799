// Names that iptables fixes: built-in chains, words that no user chain may carry, and the limits of names.
import { type TableName, tableNames } from './model.ts';

/** The built-in chains of each table, in the order of iptables-save (iptables(8)). */
export const builtInChains = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
} as const satisfies Record<TableName, readonly string[]>;

/** A chain's name has at most 28 characters (iptables 1.8.9: "must be under 29 chars"). */
export const maxChainNameLength = 28;

/** A set's name has at most 31 characters (ipset(8)); two are kept for the mark of a staged copy. */
export const maxSetNameLength = 29;

/** User chains nest at most so deep below a built-in chain; the kernel refuses more, by jump and by goto. */
export const maxChainDepth = 15;

const name = /^[A-Za-z0-9_.][A-Za-z0-9_.-]*$/;

/** The targets of iptables-extensions(8) and iptables(8): `-j` with one of these never means a chain. */
const targets = new Set(
  (
    'ACCEPT DROP RETURN QUEUE AUDIT CHECKSUM CLASSIFY CLUSTERIP CONNMARK CONNSECMARK CT DNAT DNPT DSCP ECN HL HMARK ' +
    'IDLETIMER LED LOG MARK MASQUERADE NETMAP NFLOG NFQUEUE NOTRACK RATEEST REDIRECT REJECT SECMARK SET SNAT SNPT ' +
    'SYNPROXY TCPMSS TCPOPTSTRIP TEE TOS TPROXY TRACE TTL ULOG'
  ).split(' '),
);

/** True for a built-in chain of this table. */
export function isBuiltInChain(table: TableName, chain: string): boolean {
  return (builtInChains[table] as readonly string[]).includes(chain);
}

/** True for the name of a built-in chain of any table. */
export function isReservedChainName(chain: string): boolean {
  return targets.has(chain) || tableNames.some((table) => isBuiltInChain(table, chain));
}

/** True where text can be a chain's name in every place of an iptables-restore text. */
export function isChainName(text: string): boolean {
  return name.test(text) && text.length <= maxChainNameLength;
}

/** True where text can be a set's name. */
export function isSetName(text: string): boolean {
  return name.test(text) && text.length <= maxSetNameLength;
}
