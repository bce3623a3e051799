import test from 'ava';
import fc from 'fast-check';
import { ApiError } from './api-error.ts';
import { conflictingForward, type ForwardLike, forwardedPorts } from './port-forwarding.ts';

test('one port is a range of one', (t) => {
  t.deepEqual(forwardedPorts({ publicport: 80, privateport: 8080 }), {
    publicPorts: { first: 80, last: 80 },
    privatePorts: { first: 8080, last: 8080 },
  });
});

test('ranges have an order and the same length', (t) => {
  const refused = (request: Parameters<typeof forwardedPorts>[0]) =>
    t.throws(() => forwardedPorts(request), { instanceOf: ApiError }).message;
  t.regex(refused({ publicport: 80, publicendport: 79, privateport: 1 }), /publicendport/);
  t.regex(refused({ publicport: 80, privateport: 9, privateendport: 8 }), /privateendport/);
  t.regex(refused({ publicport: 80, publicendport: 82, privateport: 9, privateendport: 10 }), /expected 11/);
  t.regex(refused({ publicport: 80, publicendport: 82, privateport: 9 }), /expected 11/);
});

const anyForward = fc
  .tuple(
    fc.constantFrom('tcp' as const, 'udp' as const),
    fc.integer({ min: 1, max: 65535 }),
    fc.integer({ min: 1, max: 65535 }),
  )
  .map(
    ([protocol, a, b]): ForwardLike => ({
      protocol,
      public_start_port: Math.min(a, b),
      public_end_port: Math.max(a, b),
    }),
  );

test('rules that are let in one after the other never forward a port twice', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.array(anyForward, { maxLength: 30 }), (wanted) => {
        const rules: ForwardLike[] = [];
        for (const each of wanted) if (conflictingForward(rules, each) === undefined) rules.push(each);
        return ['tcp', 'udp'].every((protocol) => {
          const sorted = rules
            .filter((rule) => rule.protocol === protocol)
            .sort((a, b) => a.public_start_port - b.public_start_port);
          return sorted.every((rule, index) => {
            const next = sorted[index + 1];
            return next === undefined || rule.public_end_port < next.public_start_port;
          });
        });
      }),
    ),
  );
});
