// Bad calls about consoles that are refused as every bad call is; who may not see a machine is told so without an error
// (consoles.test.ts).
import { type Row, row, type Subjects } from './rule-subjects.ts';

const machine = ({ ids }: Subjects) => ids.machine;

/** Kinds that there are not, tokens that are too long, filters that are no dates and no ids. */
export const consoleRows: readonly Row[] = [
  row(
    'a kind of console that there is not',
    'createConsoleEndpoint',
    (s) => ({ virtualmachineid: machine(s), console: 'rdp' }),
    431,
    /console/,
  ),
  row(
    'a token of 256 characters',
    'createConsoleEndpoint',
    (s) => ({ virtualmachineid: machine(s), token: 'x'.repeat(256) }),
    431,
    /token/,
  ),
  row(
    'a token with the character NUL',
    'createConsoleEndpoint',
    (s) => ({ virtualmachineid: machine(s), token: 'a\0b' }),
    431,
    /token/,
  ),
  row(
    'a machine by its name',
    'createConsoleEndpoint',
    () => ({ virtualmachineid: 'i-2-3-VM' }),
    431,
    /virtualmachineid/,
  ),
  row('the 31st of February', 'listConsoleSessions', () => ({ startdate: '2026-02-31T25:00:00Z' }), 431, /startdate/),
  row(
    'the account of another',
    'listConsoleSessions',
    ({ world }) => ({ accountid: world.accounts.stranger.accountId }),
    531,
    /accountid/,
  ),
];
