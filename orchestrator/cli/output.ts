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
  'networkname',
  'ipaddress',
  'ip6address',
  'isdefault',
  'issourcenat',
  'isstaticnat',
  'protocol',
  'algorithm',
  'publicport',
  'publicendport',
  'privateport',
  'privateendport',
  'startport',
  'endport',
  'icmptype',
  'icmpcode',
  'cidrlist',
  'destcidrlist',
  'traffictype',
  'virtualmachinename',
  'associatednetworkname',
  'gateway',
  'cidr',
  'user',
  'clientaddress',
  'console',
  'mode',
  'acquired',
  'publicip',
  'guestipaddress',
  'hostname',
  'linklocalip',
  'version',
  'state',
  'agentstate',
  'activeviewersessions',
  'servicestate',
  'methodname',
  'pingpath',
  'resourcetype',
  'resourceid',
  'key',
  'value',
  'checkname',
  'checktype',
  'status',
  'description',
  'details',
  'rawusage',
];
const maxColumns = 10;
const plainTable = { head: [] as string[], border: [] as string[] };

function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}

/** A value in a cell. Control characters, which a terminal would obey, are shown as `?`. */
export function cellText(value: unknown): string {
  const text = isScalar(value) ? String(value ?? '') : JSON.stringify(value);
  return text.replaceAll(/\p{Cc}/gu, '?');
}

/** The columns of a table: what is asked for, else the preferred fields that any row has a value of; never none. */
export function columnsOf(rows: readonly ApiObject[], asked: readonly string[]): string[] {
  if (asked.length > 0) return [...asked];
  const hasValue = (value: unknown) => isScalar(value) && cellText(value) !== '';
  const present = new Set(rows.flatMap((row) => Object.keys(row).filter((key) => hasValue(row[key]))));
  const columns = preferred.filter((name) => present.has(name)).slice(0, maxColumns);
  return columns.length > 0 ? columns : [...present].slice(0, 6);
}

/** The table without the lines between its rows; the one below its head stays. */
function withoutRowLines(table: string, headLines: number): string {
  return table
    .split('\n')
    .filter((line, index) => index <= headLines || !line.startsWith('├'))
    .join('\n');
}

function listTable(rows: readonly ApiObject[], asked: readonly string[]): string {
  const columns = columnsOf(rows, asked);
  const table = new Table({ head: columns, style: plainTable });
  for (const row of rows) table.push(columns.map((column) => cellText(row[column])));
  return withoutRowLines(table.toString(), 2);
}

/** Lines that a cell would make unreadable: a key, a certificate, what a diagnosis said. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && value.includes('\n');
}

/** A value of one object's table. A list of objects has no room in a cell: it is counted. */
function fieldText(value: unknown): string {
  if (!Array.isArray(value) || value.every(isScalar)) return cellText(Array.isArray(value) ? value.join(', ') : value);
  return `${value.length} (--output json shows them)`;
}

function rankOf(name: string): number {
  const rank = preferred.indexOf(name);
  return rank < 0 ? preferred.length : rank;
}

function objectTable(object: ApiObject, asked: readonly string[]): string {
  const table = new Table({ style: plainTable });
  const isShown = (name: string, value: unknown) =>
    asked.length === 0 ? !Array.isArray(value) || value.length > 0 : asked.includes(name);
  // A job's result comes in no order that means anything (jsonb): the preferred fields first, the others by name.
  const entries = Object.entries(object)
    .filter(([name, value]) => isShown(name, value))
    .sort(([left], [right]) => rankOf(left) - rankOf(right) || (left < right ? -1 : 1));
  const below = entries.map(([name, value]) => ({ name, text: textBelow(value, 'id' in object) }));
  for (const [index, [name, value]] of entries.entries()) {
    table.push({ [name]: below[index]?.text === null ? fieldText(value) : 'below' });
  }
  const texts = below.flatMap(({ name, text }) => (text === null ? [] : [`${name}:`, text]));
  return [withoutRowLines(table.toString(), 0), ...texts].join('\n');
}

/** What has no room in a cell and stands below the table: a text, and the list that an object without an id is about. */
function textBelow(value: unknown, isNamed: boolean): string | null {
  if (isText(value)) return value.replaceAll(/[^\P{Cc}\n\t]/gu, '?').trimEnd();
  const isList = !isNamed && Array.isArray(value) && value.length > 0 && value.every(isObject);
  return isList ? listTable(value, []) : null;
}

function isObject(value: unknown): value is ApiObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The rows of an object of a list. One without an id, such as a rule's policies, stands for what it holds. */
function rowsOf(object: ApiObject): ApiObject[] {
  if ('id' in object) return [object];
  const held = Object.values(object)
    .flat()
    .filter((value): value is ApiObject => isObject(value) && 'id' in value);
  return held.length === 0 ? [object] : held.map((each) => ({ ...object, ...each }));
}

/** An answer as a table: the rows of a list, the fields of an object. */
export function tableOf(answer: ApiObject, asked: readonly string[] = []): string {
  const list = Object.values(answer).find(Array.isArray);
  const isList =
    list !== undefined && Object.entries(answer).every(([name, value]) => name === 'count' || Array.isArray(value));
  if (isList) {
    const objects = list.filter(isObject);
    const { count = objects.length } = answer;
    const more = Number(count) > objects.length ? `\n${objects.length} of ${count}` : '';
    return `${listTable(objects.flatMap(rowsOf), asked)}${more}`;
  }
  if (Object.keys(answer).length === 0) return 'none';
  const inner = Object.values(answer)[0];
  return objectTable(Object.keys(answer).length === 1 && isObject(inner) ? inner : answer, asked);
}
