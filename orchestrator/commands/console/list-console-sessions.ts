import { sql } from 'kysely';
import { type CommandContext, listCommand, type ResponseFields, type ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { idFilter } from '../filters.ts';
import { rowsById } from '../lookup.ts';
import { ownerFields, ownerResponseFields } from '../owner-fields.ts';
import { p } from '../parameter.ts';
import { field } from '../response-field.ts';

const sessionFields: ResponseFields = {
  id: field.string('The id of the session'),
  created: field.date('When the console was asked for'),
  ...ownerResponseFields,
  accountid: field.string('The id of the account that asked for it'),
  userid: field.string('The id of the user who asked for it'),
  user: field.string('The user who asked for it'),
  virtualmachineid: field.string('The id of the machine'),
  virtualmachinename: field.string('The name of the machine'),
  hostid: field.string('The id of the host of the machine, for root admins'),
  hostname: field.string('The name of the host of the machine, for root admins'),
  acquired: field.date('When it was opened'),
  removed: field.date('When it ended'),
  consoleendpointcreatoraddress: field.string('Address from which it was asked for'),
  clientaddress: field.string('Address from which it was opened'),
  console: field.string('vnc or serial'),
  mode: field.string('control or watch, while it is open'),
  endreason: field.string('Why it ended'),
};

type Session = EntityRow<'console_session'>;

async function namesOf({ db }: CommandContext, rows: readonly Session[]): Promise<ReadonlyMap<string, string>> {
  const ids = [...new Set(rows.map((row) => row.target_id))];
  const { rows: named } = await sql<{ id: string; name: string }>`
    select id, name from virtual_machine where id = any(${ids}::uuid[])
    union all select id, name from router where id = any(${ids}::uuid[])
    union all select id, name from system_vm where id = any(${ids}::uuid[])`.execute(db);
  return new Map(named.map(({ id, name }) => [id, name]));
}

async function presentSessions(context: CommandContext, rows: readonly Session[]): Promise<ResponseObject[]> {
  const { db, caller } = context;
  const owner = await ownerFields(db, rows);
  const names = await namesOf(context, rows);
  const users = await rowsById(
    db,
    'cloud_user',
    rows.map(({ user_id }) => user_id),
  );
  const isAdmin = caller.role === 'Admin';
  const hosts = await rowsById(db, 'host', isAdmin ? rows.map(({ host_id }) => host_id) : []);
  return rows.map((row) => {
    const host = row.host_id === null ? undefined : hosts.get(row.host_id);
    return {
      id: row.id,
      created: row.created,
      ...owner(row),
      accountid: row.account_id,
      userid: row.user_id,
      user: users.get(row.user_id)?.username,
      virtualmachineid: row.target_id,
      virtualmachinename: names.get(row.target_id),
      hostid: host?.id,
      hostname: host?.name,
      acquired: row.acquired,
      removed: row.ended,
      consoleendpointcreatoraddress: row.creator_address,
      clientaddress: row.client_address,
      console: row.console,
      mode: row.state === 'Open' ? row.mode : undefined,
      endreason: row.end_reason,
    };
  });
}

/** Who has, and had, which console open; the newest first. */
export const listConsoleSessions = listCommand({
  name: 'listConsoleSessions',
  description: 'Lists console sessions, the newest first; without activeonly=false those that are open',
  roles: ['Admin', 'DomainAdmin', 'User'],
  entity: 'console_session',
  keywordColumns: ['client_address', 'creator_address'],
  order: ['created desc'],
  parameters: {
    accountid: p.entity('account').optional('List by the account that asked'),
    userid: p.entity('cloud_user').optional('List by the user who asked'),
    hostid: p.entity('host').optional('List by the host of the machine', { roles: ['Admin'] }),
    startdate: p.date.optional('List those opened since this date'),
    enddate: p.date.optional('List those opened until this date'),
    virtualmachineid: idFilter('List by machine'),
    consoleendpointcreatoraddress: p.text.optional('List by the address from which it was asked for'),
    clientaddress: p.text.optional('List by the address from which it was opened'),
    activeonly: p.boolean.optional('True, the default: those that are open'),
    acquired: p.boolean.optional('With activeonly=false; true: those that were opened, open or not'),
  },
  responseKey: 'consolesession',
  responseFields: sessionFields,
  filter: (query, values) => {
    let q = query;
    const { accountid, userid, hostid, startdate, enddate, virtualmachineid, acquired } = values;
    if (accountid !== undefined) q = q.where('console_session.account_id', '=', accountid.id);
    if (userid !== undefined) q = q.where('console_session.user_id', '=', userid.id);
    if (hostid !== undefined) q = q.where('console_session.host_id', '=', hostid.id);
    if (startdate !== undefined) q = q.where('console_session.acquired', '>=', startdate);
    if (enddate !== undefined) q = q.where('console_session.acquired', '<=', enddate);
    if (virtualmachineid !== undefined) q = q.where('console_session.target_id', '=', virtualmachineid);
    const { consoleendpointcreatoraddress: creator, clientaddress: client } = values;
    if (creator !== undefined) q = q.where('console_session.creator_address', '=', creator);
    if (client !== undefined) q = q.where('console_session.client_address', '=', client);
    if (values.activeonly !== false) return q.where('console_session.state', '=', 'Open');
    return acquired === true ? q.where('console_session.acquired', 'is not', null) : q;
  },
  present: presentSessions,
});
