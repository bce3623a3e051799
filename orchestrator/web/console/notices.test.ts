// What the page takes is what the contract says, no more and no less: compared with its schemas.
import { ProxyNoticeSchema, ResumeAnswerSchema, validator } from '@isthmus/contract';
import test from 'ava';
import fc from 'fast-check';
import { readNotice, readResumeAnswer } from './notices.ts';

const secret = 'r'.repeat(43);
const viewers = [{ user: 'anna', mode: 'control' }];

test('every notice of the contract is read as it is', (t) => {
  const { check } = validator(ProxyNoticeSchema);
  for (const notice of [
    { type: 'alive' },
    { type: 'choose', viewers },
    { type: 'opened', session: 's', machine: 'm', console: 'vnc', mode: 'control', viewers: [], resume: secret },
    {
      type: 'opened',
      session: 's',
      machine: 'm',
      console: 'serial',
      mode: 'watch',
      viewers,
      resume: secret,
      aliveSeconds: 2,
    },
    { type: 'viewers', mode: 'watch', viewers },
    { type: 'ended', reason: 'idle', message: 'It was not used.', resumable: false },
  ]) {
    t.true(check(notice), JSON.stringify(notice));
    t.deepEqual<unknown, unknown>(readNotice(JSON.stringify(notice)), notice);
  }
});

test('every answer to resume is read as it is', (t) => {
  const { check } = validator(ResumeAnswerSchema);
  for (const answer of [
    { state: 'open', ticket: secret, proxy: 'p', socket: 'ws://192.0.2.1:8080/websockify' },
    { state: 'again', seconds: 1 },
    { state: 'refused', message: 'There is no such session.' },
    { state: 'refused', message: '', reason: 'destroyed' },
  ]) {
    t.true(check(answer), JSON.stringify(answer));
    t.deepEqual<unknown, unknown>(readResumeAnswer(JSON.stringify(answer)), answer);
  }
});

test('anything else is none, and nothing throws', (t) => {
  for (const text of [
    '',
    'x',
    'null',
    '[]',
    '{"type":"choose"}',
    '{"type":"choose","viewers":[{}]}',
    '{"type":"opened"}',
  ]) {
    t.is(readNotice(text), null, text);
    t.is(readResumeAnswer(text), null, text);
  }
  fc.assert(
    fc.property(fc.json(), (text) => {
      readResumeAnswer(text);
      return readNotice(text) === null;
    }),
  );
});
