import { defaultHealthChecks, HealthCheckSettingsSchema, validator } from '@isthmus/contract';
import test from 'ava';
import fc from 'fast-check';
import { compileHealthChecks } from './health-limits.ts';
import { type RouterCheckSetting, routerCheckSettings } from './health-settings.ts';

const check = validator(HealthCheckSettingsSchema);

test('the defaults are those that a router has by itself', (t) => {
  const defaults = (name: RouterCheckSetting) => routerCheckSettings[name].defaultValue;
  t.deepEqual(compileHealthChecks(defaults), defaultHealthChecks);
});

test('whatever the settings say, routers take it', (t) => {
  const value = fc.oneof(fc.string(), fc.integer().map(String), fc.constantFrom('-1', '1e99', 'NaN', '', 'a.py,,B.py'));
  fc.assert(
    fc.property(fc.func<[RouterCheckSetting], string>(value), (settingOf) => {
      const settings: unknown = compileHealthChecks(settingOf);
      t.deepEqual(check.check(settings) ? [] : check.faults(settings), []);
    }),
  );
});

test('names of checks are read whatever their case and the spaces around them', (t) => {
  const settingOf = (name: RouterCheckSetting) =>
    name === 'to.exclude' ? ' DNS_check.py ,dhcp_check.py,,no such' : routerCheckSettings[name].defaultValue;
  t.deepEqual(compileHealthChecks(settingOf).excluded, ['dns_check.py', 'dhcp_check.py']);
});
