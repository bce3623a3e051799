// Which alerts a call of archiveAlerts or deleteAlerts means.
import { alertTypeOf } from '../../model/alert.ts';
import type { Trx } from '../../store/database.ts';
import { ApiError, parameterError } from '../errors.ts';
import { p } from '../parameter.ts';

export const choiceParameters = {
  ids: p.entities('alert').optional('The alerts'),
  type: p.text.optional('Alerts of this kind, by its number or its name'),
  startdate: p.date.optional('Alerts sent since this date'),
  enddate: p.date.optional('Alerts sent until this date'),
  olderthan: p.date.optional('Alerts sent before this date'),
};

interface Choice {
  readonly ids?: readonly { readonly id: string }[] | undefined;
  readonly type?: string | undefined;
  readonly startdate?: Date | undefined;
  readonly enddate?: Date | undefined;
  readonly olderthan?: Date | undefined;
}

/** Ids of the alerts that fit every parameter given. Throws 431 where none is given: nobody means all of them. */
export async function chosenAlerts(db: Trx, choice: Choice): Promise<string[]> {
  const { ids, type, startdate, enddate, olderthan } = choice;
  if ([ids, type, startdate, enddate, olderthan].every((value) => value === undefined)) {
    throw new ApiError(
      'parameter',
      'Either ids, type, startdate, enddate or olderthan must be given: expected a value',
    );
  }
  if (startdate !== undefined && enddate !== undefined && startdate > enddate) {
    throw parameterError('startdate', startdate.toISOString(), 'a date before enddate');
  }
  let query = db.selectFrom('alert').select('id');
  if (ids !== undefined) {
    query = query.where(
      'id',
      'in',
      ids.map(({ id }) => id),
    );
  }
  if (type !== undefined) {
    const number = alertTypeOf(type);
    if (number === null) throw parameterError('type', type, 'a number or name that listAlertTypes lists');
    query = query.where('type', '=', number);
  }
  if (startdate !== undefined) query = query.where('last_sent', '>=', startdate);
  if (enddate !== undefined) query = query.where('last_sent', '<=', enddate);
  if (olderthan !== undefined) query = query.where('last_sent', '<', olderthan);
  return (await query.execute()).map(({ id }) => id);
}
