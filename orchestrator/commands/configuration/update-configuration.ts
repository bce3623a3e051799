import { useExternalDns } from '../../model/dns-settings.ts';
import { isRouterCheckSetting } from '../../model/health-settings.ts';
import { touchEveryNetwork } from '../../store/network-change.ts';
import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { settings } from '../settings.ts';
import { configurationFields, presentSetting } from './response.ts';

/** updateConfiguration: without a value the setting returns to its default. */
export const updateConfiguration = syncCommand({
  name: 'updateConfiguration',
  description: 'Sets a setting of the installation',
  roles: ['Admin'],
  parameters: {
    name: p.text.required('Its name'),
    value: p.text.optional('Its value; without it the default'),
  },
  responseKey: 'configuration',
  responseFields: configurationFields,
  handler: async ({ db, event }, { name, value }) => {
    const setting = settings[name];
    if (setting === undefined)
      throw parameterError('name', name, 'the name of a setting that listConfigurations lists');
    if (value !== undefined && setting.type === 'Number' && !/^-?\d{1,9}$/.test(value)) {
      throw parameterError('value', value, `a whole number for ${name}`);
    }
    if (value !== undefined && setting.type === 'Boolean' && !/^(true|false)$/i.test(value)) {
      throw parameterError('value', value, `true or false for ${name}`);
    }
    if (value !== undefined && setting.values?.includes(value) === false) {
      throw parameterError('value', value, `${setting.values.join(' or ')} for ${name}`);
    }
    if (value !== undefined && setting.expected?.fits(value) === false) {
      throw parameterError('value', value, `${setting.expected.words} for ${name}`);
    }
    await db
      .insertInto('configuration')
      .values({ name, value: value ?? null })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: value ?? null }))
      .execute();
    if (isRouterCheckSetting(name) || name === useExternalDns) await touchEveryNetwork(db);
    await event('CONFIGURATION.VALUE.EDIT', `Set ${name}`);
    return presentSetting(name, setting, value ?? setting.defaultValue);
  },
});
