// What a console proxy is to serve, compiled from what its zone and the settings say now.
import type { ConsoleProxyDocument } from '@isthmus/contract';
import { consoleProxyDocument } from '../../compile/console-proxy.ts';
import { customCertificateChain } from '../../model/custom-certificate.ts';
import { consoleOrigins } from '../../store/console-origin.ts';
import { consoleListening } from '../../store/console-proxy.ts';
import { customCertificates, ownSequence } from '../../store/custom-certificate.ts';
import type { Parts } from '../parts.ts';
import type { SystemVm } from './rows.ts';

/** Null: browsers have no origin to come from yet, since no orchestrator has listened. Throws where it has no address. */
export async function compileDocument(
  parts: Pick<Parts, 'db' | 'sealer' | 'setting'>,
  vm: SystemVm,
): Promise<ConsoleProxyDocument | null> {
  const { db, setting } = parts;
  const range = await db
    .selectFrom('public_ip_address')
    .innerJoin('vlan_ip_range', 'vlan_ip_range.id', 'public_ip_address.vlan_ip_range_id')
    .select(['public_ip_address.address', 'vlan_ip_range.gateway', 'vlan_ip_range.netmask'])
    .where('public_ip_address.id', '=', vm.public_ip_address_id)
    .executeTakeFirst();
  if (range === undefined) throw new Error(`system VM ${vm.name} has no public address`);
  const { all: origins } = await consoleOrigins(db);
  if (origins.length === 0) return null;
  const { port, domainSuffix } = await consoleListening(db);
  return consoleProxyDocument({
    ...range,
    port,
    tls: domainSuffix === null ? null : await certificateOf(parts),
    origins,
    sessions: Number(await setting('consoleproxy.session.max')),
    idleSeconds: Number(await setting('consoleproxy.session.timeout')),
    absoluteSeconds: Number(await setting('console.session.limit')),
    draining: vm.draining !== null,
  });
}

async function certificateOf({ db, sealer }: Pick<Parts, 'db' | 'sealer'>): Promise<ConsoleProxyDocument['tls']> {
  const rows = await customCertificates(db);
  const own = rows.find(({ sequence }) => sequence === ownSequence);
  if (own === undefined || own.sealed_private_key === null) return null;
  const others = rows.filter((row) => row !== own).map(({ certificate }) => certificate);
  return {
    certificateChain: customCertificateChain(own.certificate, others),
    privateKey: sealer.open(own.sealed_private_key),
  };
}
