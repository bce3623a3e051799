import { sql } from 'kysely';
import { listCommand } from '../declaration.ts';
import { absentFilter, nothingWhere } from '../filters.ts';
import { p } from '../parameter.ts';
import { presentSystemVms, systemVmResponseFields } from './response.ts';

export const listSystemVms = listCommand({
  name: 'listSystemVms',
  description: 'Lists system VMs',
  roles: ['Admin'],
  entity: 'system_vm',
  keywordColumns: ['name', 'state'],
  order: ['created'],
  parameters: {
    name: p.text.optional('List by name, exactly'),
    state: p.text.optional('List by state'),
    systemvmtype: p.text.optional('List by type: consoleproxy or secondarystoragevm'),
    zoneid: p.entity('zone').optional('List by zone'),
    podid: p.entity('pod').optional('List by pod'),
    hostid: p.entity('host').optional('List by host'),
    storageid: absentFilter('primary storage'),
    arch: p.oneOf('x86_64', 'aarch64').optional('List by the architecture of their image'),
  },
  responseKey: 'systemvm',
  responseFields: systemVmResponseFields,
  filter: (query, { name, state, systemvmtype, zoneid, podid, hostid, storageid, arch }) => {
    let q = query;
    if (name !== undefined) q = q.where('system_vm.name', '=', name);
    if (state !== undefined) q = q.where(sql<boolean>`lower(system_vm.state) = ${state.toLowerCase()}`);
    if (systemvmtype !== undefined) q = q.where(sql<boolean>`system_vm.type = ${systemvmtype.toLowerCase()}`);
    if (zoneid !== undefined) q = q.where('system_vm.zone_id', '=', zoneid.id);
    if (podid !== undefined) q = q.where('system_vm.pod_id', '=', podid.id);
    if (hostid !== undefined) q = q.where('system_vm.host_id', '=', hostid.id);
    if (arch !== undefined) {
      const architecture = arch === 'x86_64' ? 'amd64' : 'arm64';
      q = q.where(
        sql<boolean>`exists (select 1 from image where id = system_vm.image_id and architecture = ${architecture})`,
      );
    }
    return nothingWhere(q, storageid !== undefined);
  },
  present: presentSystemVms,
});
