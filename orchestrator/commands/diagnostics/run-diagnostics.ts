import { diagnosticTools } from '@isthmus/contract';
import { diagnosticAddress, diagnosticWords } from '../../model/diagnostics.ts';
import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { field } from '../response-field.ts';
import { runningRouter } from './running-router.ts';

/** runDiagnostics: in a router; its output is what the tool prints there. */
export const runDiagnostics = asyncCommand({
  name: 'runDiagnostics',
  description: 'Runs ping, traceroute or arping in a router, for a minute at most',
  roles: ['Admin'],
  parameters: {
    targetid: p.entity('router').required('The router'),
    ipaddress: p.text.required('The address to ask, IPv4 or IPv6'),
    type: p.oneOf(...diagnosticTools).required('ping, traceroute or arping'),
    params: p.text.optional('Further options: a short list of each tool, such as -c 4'),
  },
  responseKey: 'diagnostics',
  responseFields: {
    stdout: field.string('What it printed'),
    stderr: field.string('What it printed of failures'),
    exitcode: field.string('Its exit code; 124: ended after a minute'),
  },
  eventType: 'SYSTEM.VM.DIAGNOSTICS',
  instanceType: 'DomainRouter',
  creates: false,
  prepare: async (_context, { targetid, ipaddress, type, params }) => {
    diagnosticAddress(type, ipaddress);
    diagnosticWords(type, params);
    return runningRouter(targetid);
  },
  execute: async ({ orchestration }, id, { ipaddress, type, params }) => {
    const address = diagnosticAddress(type, ipaddress);
    const parameters = diagnosticWords(type, params);
    const { stdout, stderr, exitCode } = await orchestration.runDiagnostics(id, { tool: type, address, parameters });
    return { stdout, stderr, exitcode: String(exitCode) };
  },
});
