import test from 'ava';
import { findCommand, inWords, readWords, suggestions, UsageError } from './command-line.ts';

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
  t.deepEqual(suggestions(apis, ['create']), ['createNetwork', 'createPortForwardingRule']);
});

test('names in words', (t) => {
  t.is(inWords('createPortForwardingRule'), 'create portforwardingrule');
  t.is(inWords('login'), 'login');
});
