import test from 'ava';
import fc from 'fast-check';
import { type DiagnosticTool, diagnosticFault, diagnosticTools } from './diagnostics.ts';

const allowed: readonly (readonly [DiagnosticTool, string])[] = [
  ['ping', ''],
  ['ping', '-c 1'],
  ['ping', '-c100 -i 0.2 -s 65507 -W 5 -I eth2 -n'],
  ['ping', '-M do -s 1472'],
  ['traceroute', '-m 5 -q 1 -n'],
  ['traceroute', '-I -i eth2'],
  ['arping', '-c 2 -I eth2'],
];

const refused: readonly (readonly [DiagnosticTool, string, string])[] = [
  ['ping', ';reboot', ';reboot'],
  ['ping', '$(reboot)', '$(reboot)'],
  ['ping', '-c 1 ;reboot', ';reboot'],
  ['ping', '-w 5', '-w'],
  ['ping', '-f', '-f'],
  ['ping', '-c', '-c'],
  ['ping', '-c 101', '101'],
  ['ping', '-c 0', '0'],
  ['ping', '-c -1', '-1'],
  ['ping', '-c 1e9', '1e9'],
  ['ping', '-i 0.1', '0.1'],
  ['ping', '-s 65508', '65508'],
  ['ping', '-I wlan0', 'wlan0'],
  ['ping', '-I 10.1.1.1', '10.1.1.1'],
  ['ping', '-nq', '-nq'],
  ['ping', '--help', '--help'],
  ['ping', '--', '--'],
  ['ping', '-', '-'],
  ['ping', '8.8.8.8', '8.8.8.8'],
  ['traceroute', '-w 5', '-w'],
  ['traceroute', '-g 10.0.0.1', '-g'],
  ['traceroute', '-s 10.0.0.1', '-s'],
  ['traceroute', '--module=tcp', '--module=tcp'],
  ['arping', '-U', '-U'],
  ['arping', '-A', '-A'],
  ['arping', '-s 10.1.1.1', '-s'],
  ['arping', '-c 5 -D', '-D'],
  ['ping', '__proto__', '__proto__'],
];

const wordsOf = (text: string) => (text === '' ? [] : text.split(' '));

for (const [tool, text] of allowed) {
  test(`${tool} may be given "${text}"`, (t) => t.is(diagnosticFault(tool, wordsOf(text)), null));
}

for (const [tool, text, named] of refused) {
  test(`${tool} is not given "${text}"`, (t) => {
    const fault = diagnosticFault(tool, wordsOf(text));
    t.true(fault?.includes(named) ?? false, fault ?? 'no fault');
  });
}

test('whatever passes is made of options of the list and values without any other character', (t) => {
  const word = fc.oneof(
    fc.string({ maxLength: 8 }),
    fc.constantFrom('-c', '-i', '-s', '-I', '-M', '-m', '-q', '-n', 'eth0', 'do', '1', '0.5'),
  );
  fc.assert(
    fc.property(fc.constantFrom(...diagnosticTools), fc.array(word, { maxLength: 6 }), (tool, words) => {
      if (diagnosticFault(tool, words) !== null) return;
      for (const each of words) t.regex(each, /^(?:-[A-Za-z][a-z0-9.]*|[a-z0-9.]+)$/);
    }),
    { numRuns: 5000 },
  );
});
