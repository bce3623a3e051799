// What `show stat` and `show servers state` say, as far as Isthmus reads it (HAProxy's management guide, 9.1 and 9.3).
import { InvalidValueError } from '@isthmus/net';

/** One row of `show stat`: a listener (`FRONTEND`), all of its servers (`BACKEND`), or one server, by its name. */
export interface StatisticsRow {
  readonly proxy: string;
  readonly server: string;
  /** Such as `OPEN`, `UP`, `UP 1/3`, `DOWN`, `DRAIN`, `MAINT`, `no check`. */
  readonly status: string;
  /** Sessions now, and all that there were. */
  readonly current: number;
  readonly total: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Connections that a rule refused. */
  readonly denied: number;
  /** Such as `L4OK` or `L7STS`; empty where there was no check yet. */
  readonly checkStatus: string;
  /** Of an HTTP check. */
  readonly checkCode: number | null;
}

/** One line of `show servers state`. */
export interface ServerState {
  readonly proxy: string;
  readonly server: string;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly isMaintained: boolean;
}

/** SRV_ADMF_FMAINT: put into maintenance by command. */
const forcedMaintenance = 1;

function columnsOf(header: string | undefined, separator: string): Map<string, number> {
  if (header?.startsWith('# ') !== true) throw new InvalidValueError(header ?? '', 'a header that begins with "# "');
  return new Map(
    header
      .slice(2)
      .split(separator)
      .map((name, index) => [name, index]),
  );
}

/** Reads the answer to `show stat`. Throws InvalidValueError where it is none. */
export function parseStatistics(text: string): StatisticsRow[] {
  const [header, ...lines] = text.split('\n').filter((line) => line !== '');
  const columns = columnsOf(header, ',');
  return lines.map((line) => {
    const cells = line.split(',');
    const cell = (name: string) => cells[columns.get(name) ?? -1] ?? '';
    return {
      proxy: cell('pxname'),
      server: cell('svname'),
      status: cell('status'),
      current: Number(cell('scur')),
      total: Number(cell('stot')),
      bytesIn: Number(cell('bin')),
      bytesOut: Number(cell('bout')),
      denied: Number(cell('dcon')),
      checkStatus: cell('check_status').replace(/^\* /, ''),
      checkCode: cell('check_code') === '' ? null : Number(cell('check_code')),
    };
  });
}

/** Reads the answer to `show servers state`. Throws InvalidValueError where it is none. */
export function parseServersState(text: string): ServerState[] {
  const [version, header, ...lines] = text.split('\n').filter((line) => line !== '');
  if (version !== '1') throw new InvalidValueError(version ?? '', 'version 1 of the state of servers');
  const columns = columnsOf(header, ' ');
  return lines.map((line) => {
    const cells = line.split(' ');
    const cell = (name: string) => cells[columns.get(name) ?? -1] ?? '';
    return {
      proxy: cell('be_name'),
      server: cell('srv_name'),
      address: cell('srv_addr'),
      port: Number(cell('srv_port')),
      weight: Number(cell('srv_uweight')),
      isMaintained: (Number(cell('srv_admin_state')) & forcedMaintenance) !== 0,
    };
  });
}
