// Bad calls about health checks, alerts and diagnostics of routers.
import type { ApiValues } from '@isthmus/api-client';
import { type Row, row, type Subjects } from './rule-subjects.ts';

const nowhere = '00000000-0000-4000-8000-00000000dead';
const router = ({ world }: Subjects) => world.belongings.owner.router;

const diagnosis = (changes: ApiValues) => (subjects: Subjects) => ({
  targetid: router(subjects),
  type: 'ping',
  ipaddress: '203.0.113.1',
  ...changes,
});

const hostileParameters = [
  ';reboot',
  '$(reboot)',
  '`id`',
  '-w',
  '-w 5',
  '--help',
  '-f',
  '-c',
  '-c 0',
  '-c 101',
  '-c -1',
  '-i 0.1',
  '-i 0',
  '-s 65508',
  '-I 10.1.1.1',
  '-I eth0;id',
  '-Q 1 -c 1',
  '8.8.8.8',
  '--',
  '-nv',
];
const hostileAddresses = [
  'localhost',
  '10.1.1',
  '10.1.1.1/24',
  '-c',
  '10.1.1.1 10.1.1.2',
  '10.1.1.1;id',
  '::1%eth0',
  ':',
];
const hostileFiles = ['../../etc/shadow', '/etc/../etc/shadow', '[IPTABLES];id', 'a b', '$(id)', '*', '~/.ssh'];

/** Parameters that could become commands or options, alerts that nobody means, routers that do not run. */
export const healthRows: readonly Row[] = [
  ...hostileParameters.map((params) =>
    row(`the options ${params}`, 'runDiagnostics', diagnosis({ params }), 431, /params/, 'root'),
  ),
  row('a line break', 'runDiagnostics', diagnosis({ params: '-c 1\nid' }), 431, /params/, 'root'),
  row('10 kB of options', 'runDiagnostics', diagnosis({ params: '-n '.repeat(3500) }), 431, /params/, 'root'),
  row('more words than it takes', 'runDiagnostics', diagnosis({ params: '-n '.repeat(20) }), 431, /params/, 'root'),
  ...hostileAddresses.map((ipaddress) =>
    row(`the address ${ipaddress}`, 'runDiagnostics', diagnosis({ ipaddress }), 431, /ipaddress/, 'root'),
  ),
  row(
    'arping over IPv6',
    'runDiagnostics',
    diagnosis({ type: 'arping', ipaddress: '2001:db8::1' }),
    431,
    /ipaddress/,
    'root',
  ),
  row('a tool that there is not', 'runDiagnostics', diagnosis({ type: 'nmap' }), 431, /type/, 'root'),
  row('a target that is no router', 'runDiagnostics', diagnosis({ targetid: nowhere }), 431, /targetid/, 'root'),
  ...hostileFiles.map((files) =>
    row(`files ${files}`, 'getDiagnosticsData', (s) => ({ targetid: router(s), files }), 431, /files/, 'root'),
  ),
  row(
    'a router that there is not',
    'getRouterHealthCheckResults',
    () => ({ routerid: nowhere, performfreshchecks: true }),
    431,
    /routerid/,
    'root',
  ),
  row('an alert of no kind', 'generateAlert', () => ({ type: 99, name: 'A', description: 'B' }), 431, /type/, 'root'),
  row('a kind of alert that there is not', 'listAlerts', () => ({ type: 'ALERT.NONE' }), 431, /type/, 'root'),
  row('no choice of alerts', 'deleteAlerts', () => ({}), 431, /ids/, 'root'),
  row('no choice of alerts', 'archiveAlerts', () => ({}), 431, /ids/, 'root'),
  row(
    'a time that ends before it starts',
    'deleteAlerts',
    () => ({ startdate: '2026-02-01', enddate: '2026-01-01' }),
    431,
    /startdate/,
    'root',
  ),
  row(
    'a list of checks that is none',
    'updateConfiguration',
    () => ({ name: 'router.health.checks.to.exclude', value: '$(id)' }),
    431,
    /value/,
    'root',
  ),
  row(
    'a link that is no URL',
    'updateConfiguration',
    () => ({ name: 'endpoint.url', value: 'javascript:alert(1)' }),
    431,
    /value/,
    'root',
  ),
  row(
    'a replacement at once',
    'updateConfiguration',
    () => ({ name: 'router.health.checks.failures.to.recreate.vr.count', value: 0 }),
    431,
    /value/,
    'root',
  ),
];
