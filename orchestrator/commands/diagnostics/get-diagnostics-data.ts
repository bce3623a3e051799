import { diagnosticFiles } from '../../model/diagnostics.ts';
import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { field } from '../response-field.ts';
import { runningRouter } from './running-router.ts';

/** getDiagnosticsData: a gzipped tar of what a router is and does, by a link that ends. */
export const getDiagnosticsData = asyncCommand({
  name: 'getDiagnosticsData',
  description: 'Collects files and findings of a router for download',
  roles: ['Admin'],
  parameters: {
    targetid: p.entity('router').required('The router'),
    files: p.textList.optional('Names such as [IPTABLES], [ROUTE] or dnsmasq.conf; by default all of them'),
  },
  responseKey: 'diagnostics',
  responseFields: { url: field.string('Where to fetch it, until diagnostics.data.max.file.age is over') },
  eventType: 'SYSTEM.VM.DIAGNOSTICS',
  instanceType: 'DomainRouter',
  creates: false,
  prepare: async (_context, { targetid, files }) => {
    diagnosticFiles(files);
    return runningRouter(targetid);
  },
  execute: async ({ orchestration }, id, { files }) => orchestration.collectDiagnostics(id, diagnosticFiles(files)),
});
