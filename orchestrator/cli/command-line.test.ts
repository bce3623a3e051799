import test from 'ava';
import { checkNames, findCommand, inWords, readWords, suggestions, UsageError } from './command-line.ts';

const apis = ['listNetworks', 'createNetwork', 'createPortForwardingRule', 'login'].map((name) => ({ name }));

test('words, then parameters; a value may hold anything', (t) => {
  t.deepEqual(readWords(['create', 'network', 'Name=a=b', 'displaytext=x y']), {
    words: ['create', 'network'],
    values: { name: 'a=b', displaytext: 'x y' },
  });
  t.throws(() => readWords(['create', 'network', 'name=a', 'web']), {
    instanceOf: UsageError,
    message: /"web": expected name=value/,
  });
});

test('a command is found in two words or one, in any case', (t) => {
  for (const words of [
    ['create', 'portforwardingrule'],
    ['createPortForwardingRule'],
    ['Create', 'PortForwardingRule'],
  ]) {
    t.is(findCommand(apis, words)?.name, 'createPortForwardingRule');
  }
  t.is(findCommand(apis, ['list', 'foos']), null);
});

test('what was mistyped has suggestions', (t) => {
  t.deepEqual(suggestions(apis, ['lists', 'network']), ['listNetworks', 'createNetwork']);
  t.deepEqual(suggestions(apis, ['crate', 'networks']), ['createNetwork', 'listNetworks']);
  t.deepEqual(suggestions(apis, ['create']), ['createNetwork', 'createPortForwardingRule']);
});

test('a parameter that the command does not have is refused', (t) => {
  const api = { name: 'createFirewallRule', params: [{ name: 'ipaddressid' }, { name: 'cidrlist' }, { name: 'tags' }] };
  t.notThrows(() => checkNames(api, { cidrlist: '10.0.0.0/8', 'tags[0].key': 'a' }));
  t.throws(() => checkNames(api, { cidrlst: '10.0.0.0/8' }), {
    instanceOf: UsageError,
    message: /^cidrlst: no parameter of create firewallrule, which has ipaddressid, cidrlist, tags;/,
  });
});

test('names in words', (t) => {
  t.is(inWords('createPortForwardingRule'), 'create portforwardingrule');
  t.is(inWords('login'), 'login');
});
