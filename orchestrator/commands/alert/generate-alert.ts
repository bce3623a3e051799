import { alertTypes } from '../../model/alert.ts';
import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';

export const generateAlert = asyncCommand({
  name: 'generateAlert',
  description: 'Raises an alert of your own',
  roles: ['Admin'],
  parameters: {
    type: p.integer(0, 32_767).required('The number of its kind (listAlertTypes)'),
    name: p.name.required('Its name'),
    description: p.text.required('What is wrong', { maxLength: 999 }),
    zoneid: p.entity('zone').optional('The zone that it is about'),
    podid: p.entity('pod').optional('The pod that it is about'),
  },
  responseKey: null,
  responseFields: successFields,
  eventType: 'ALERT.GENERATE',
  instanceType: 'Alert',
  creates: false,
  prepare: async ({ db }, { type, name, description, zoneid, podid }) => {
    if (!alertTypes.has(type)) throw parameterError('type', type, 'a number that listAlertTypes lists');
    if (podid !== undefined && zoneid !== undefined && podid.zone_id !== zoneid.id) {
      throw parameterError('podid', podid.id, 'a pod of the zone that zoneid names');
    }
    return db
      .insertInto('alert')
      .values({
        type,
        name,
        description,
        resource_id: null,
        zone_id: zoneid?.id ?? podid?.zone_id ?? null,
        pod_id: podid?.id ?? null,
        resolved: null,
      })
      .returning('id')
      .executeTakeFirstOrThrow();
  },
  execute: async () => ({ success: true }),
});
