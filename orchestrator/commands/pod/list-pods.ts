import { listCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { podFields, presentPods } from './response.ts';

/** listPods. */
export const listPods = listCommand({
  name: 'listPods',
  description: 'Lists pods',
  roles: ['Admin'],
  entity: 'pod',
  keywordColumns: ['name'],
  order: ['created'],
  parameters: {
    zoneid: p.entity('zone').optional('Those of this zone'),
    name: p.text.optional('The one of this name'),
    allocationstate: p.text.optional('Those in this allocation state'),
  },
  responseKey: 'pod',
  responseFields: podFields,
  filter: (query, { zoneid, name, allocationstate }) => {
    let narrowed = query;
    if (zoneid !== undefined) narrowed = narrowed.where('pod.zone_id', '=', zoneid.id);
    if (name !== undefined) narrowed = narrowed.where('pod.name', '=', name);
    return allocationstate === undefined
      ? narrowed
      : narrowed.where('pod.allocation_state', '=', allocationstate as 'Enabled');
  },
  present: ({ db }, rows) => presentPods(db, rows),
});
