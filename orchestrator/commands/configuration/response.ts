import type { ResponseFields, ResponseObject } from '../declaration.ts';
import { field } from '../response-field.ts';
import type { Setting } from '../settings.ts';

/** Fields of a setting. */
export const configurationFields: ResponseFields = {
  category: field.string('Its category'),
  name: field.string('Its name'),
  value: field.string('Its value'),
  defaultvalue: field.string('Its value where nobody set it'),
  description: field.string('What it does'),
  type: field.string('String, Boolean or Number'),
  isdynamic: field.boolean('False: it takes effect at the next start'),
  scope: field.string('global'),
};

/** A setting as the API shows it. */
export function presentSetting(name: string, setting: Setting, value: string): ResponseObject {
  return {
    category: setting.category,
    name,
    value,
    defaultvalue: setting.defaultValue,
    description: setting.description,
    type: setting.type,
    isdynamic: setting.needsRestart !== true,
    scope: 'global',
  };
}
