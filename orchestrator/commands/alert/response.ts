import type { ResponseFields, ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { field } from '../response-field.ts';

/** Fields of an alert. */
export const alertFields: ResponseFields = {
  id: field.string('The id of the alert'),
  type: field.integer('The number of its kind (listAlertTypes)'),
  name: field.string('The name of its kind, such as ALERT.SERVICE.DOMAINROUTER'),
  description: field.string('What is wrong'),
  sent: field.date('When it was raised, or found again, last'),
  created: field.date('When it was raised first'),
  sentcount: field.integer('How often its reason was found'),
  resolved: field.date('When its reason was gone'),
  resourceid: field.string('The id of what it is about'),
};

/** An alert as the API shows it. */
export function presentAlert(row: EntityRow<'alert'>): ResponseObject {
  return {
    id: row.id,
    type: row.type,
    name: row.name,
    description: row.description,
    sent: row.last_sent,
    created: row.created,
    sentcount: row.sent_count,
    resolved: row.resolved ?? undefined,
    resourceid: row.resource_id ?? undefined,
  };
}
