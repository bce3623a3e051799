// How answers are shown: tables for people, JSON for programs.
import type { ApiObject } from '@isthmus/api-client';
import Table from 'cli-table3';

/** Fields that people look for first, in this order; the others follow where there is room. */
const preferred = [
  'id',
  'name',
  'displayname',
  'username',
  'type',
  'ipaddress',
  'protocol',
  'publicport',
  'privateport',
  'startport',
  'endport',
  'cidrlist',
  'traffictype',
  'virtualmachinename',
  'gateway',
  'cidr',
  'publicip',
  'guestipaddress',
  'state',
  'value',
  'description',
];
const plainTable = { head: [] as string[], border: [] as string[] };

function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}

/** A value in a cell. Control characters, which a terminal would obey, are shown as `?`. */
export function cellText(value: unknown): string {
  const text = isScalar(value) ? String(value ?? '') : JSON.stringify(value);
  return text.replaceAll(/\p{Cc}/gu, '?');
}

/** The columns of a table: what is asked for, else the preferred fields that any row has; never none. */
export function columnsOf(rows: readonly ApiObject[], asked: readonly string[]): string[] {
  if (asked.length > 0) return [...asked];
  const present = new Set(rows.flatMap((row) => Object.keys(row).filter((key) => isScalar(row[key]))));
  const columns = preferred.filter((name) => present.has(name)).slice(0, 9);
  return columns.length > 0 ? columns : [...present].slice(0, 6);
}

function listTable(rows: readonly ApiObject[], asked: readonly string[]): string {
  const columns = columnsOf(rows, asked);
  const table = new Table({ head: columns, style: plainTable });
  for (const row of rows) table.push(columns.map((column) => cellText(row[column])));
  return table.toString();
}

function objectTable(object: ApiObject, asked: readonly string[]): string {
  const table = new Table({ style: plainTable });
  const entries = Object.entries(object).filter(([name]) => asked.length === 0 || asked.includes(name));
  for (const [name, value] of entries) table.push({ [name]: cellText(value) });
  return table.toString();
}

function isObject(value: unknown): value is ApiObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An answer as a table: the rows of a list, the fields of an object. */
export function tableOf(answer: ApiObject, asked: readonly string[] = []): string {
  const list = Object.values(answer).find(Array.isArray);
  const isList =
    list !== undefined && Object.entries(answer).every(([name, value]) => name === 'count' || Array.isArray(value));
  if (isList) {
    const rows = list.filter(isObject);
    const { count = rows.length } = answer;
    const more = Number(count) > rows.length ? `\n${rows.length} of ${count}` : '';
    return `${listTable(rows, asked)}${more}`;
  }
  if (Object.keys(answer).length === 0) return 'none';
  const inner = Object.values(answer)[0];
  return objectTable(Object.keys(answer).length === 1 && isObject(inner) ? inner : answer, asked);
}
