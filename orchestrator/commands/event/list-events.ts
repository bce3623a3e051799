import type { Db, Trx } from '../../store/database.ts';
import { listCommand, type ResponseFields, type ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { rowsById } from '../lookup.ts';
import { ownerFields, ownerResponseFields } from '../owner-fields.ts';
import { p } from '../parameter.ts';
import { field } from '../response-field.ts';

const eventFields: ResponseFields = {
  id: field.string('The id of the event'),
  username: field.string('The user who caused it'),
  type: field.string('What kind of event it is, such as NETWORK.CREATE'),
  level: field.string('INFO, WARN or ERROR'),
  description: field.string('What happened'),
  ...ownerResponseFields,
  resourceid: field.string('The id of what it is about'),
  resourcetype: field.string('What it is about'),
  created: field.date('When it happened'),
  state: field.string('Created, Scheduled, Started or Completed'),
  archived: field.boolean('Always false'),
};

async function presentEvents(db: Db | Trx, rows: readonly EntityRow<'event'>[]): Promise<ResponseObject[]> {
  const owner = await ownerFields(db, rows);
  const users = await rowsById(
    db,
    'cloud_user',
    rows.map(({ user_id }) => user_id),
  );
  return rows.map((row) => ({
    id: row.id,
    username: row.user_id === null ? undefined : users.get(row.user_id)?.username,
    type: row.type,
    level: row.level,
    description: row.description,
    ...owner(row),
    resourceid: row.resource_id,
    resourcetype: row.resource_type,
    created: row.created,
    state: row.state,
    archived: false,
  }));
}

/** What happened, the newest first. */
export const listEvents = listCommand({
  name: 'listEvents',
  description: 'Lists events, the newest first',
  roles: ['Admin', 'DomainAdmin', 'User'],
  entity: 'event',
  parameters: {
    type: p.text.optional('List events of this kind'),
    level: p.oneOf('INFO', 'WARN', 'ERROR').optional('List events of this level'),
    state: p.oneOf('Created', 'Scheduled', 'Started', 'Completed').optional('List events in this state'),
    startdate: p.date.optional('List events since this date'),
    enddate: p.date.optional('List events until this date'),
    resourceid: p.uuid.optional('List events about what has this id'),
    resourcetype: p.text.optional('List events about this kind of thing'),
  },
  responseKey: 'event',
  responseFields: eventFields,
  keywordColumns: ['type', 'description'],
  order: ['created desc'],
  filter: (query, values) => {
    let filtered = query;
    if (values.type !== undefined) filtered = filtered.where('event.type', '=', values.type);
    if (values.level !== undefined) filtered = filtered.where('event.level', '=', values.level);
    if (values.state !== undefined) filtered = filtered.where('event.state', '=', values.state);
    if (values.startdate !== undefined) filtered = filtered.where('event.created', '>=', values.startdate);
    if (values.enddate !== undefined) filtered = filtered.where('event.created', '<=', values.enddate);
    if (values.resourceid !== undefined) filtered = filtered.where('event.resource_id', '=', values.resourceid);
    if (values.resourcetype !== undefined) filtered = filtered.where('event.resource_type', '=', values.resourcetype);
    return filtered;
  },
  present: ({ db }, rows) => presentEvents(db, rows),
});
