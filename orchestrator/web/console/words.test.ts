// What people read at the end of a session.
import test from 'ava';
import { endingWords } from './words.ts';

test('a message that says what the title says is not said twice, another stands before what to do', (t) => {
  t.deepEqual(endingWords('destroyed', 'The machine is gone.'), {
    title: 'The machine is gone',
    detail: 'It was destroyed. You may close this page.',
  });
  t.is(endingWords('logout', 'Out.').detail, 'Out. Log in, then open the console again.');
});
