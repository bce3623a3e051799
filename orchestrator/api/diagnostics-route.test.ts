import test from 'ava';
import Fastify from 'fastify';
import { serveDiagnostics } from './diagnostics-route.ts';
import { MissCounter } from './miss-counter.ts';

test('twenty links in vain within a minute are followed by a pause until the minute is over', (t) => {
  let now = 0;
  const counter = new MissCounter(() => now);
  for (let miss = 0; miss < 20; miss += 1) {
    t.is(counter.waitSeconds('a'), 0);
    counter.missed('a');
  }
  t.is(counter.waitSeconds('a'), 60);
  t.is(counter.waitSeconds('b'), 0);
  now = 60_000;
  t.is(counter.waitSeconds('a'), 0);
  counter.missed('a');
  t.is(counter.waitSeconds('a'), 0);
});

test('a bundle is handed out by its token alone, guesses are slowed down', async (t) => {
  const server = Fastify();
  t.teardown(() => server.close());
  const asked: string[] = [];
  serveDiagnostics(server, {
    open: async (token) => {
      asked.push(token);
      return token === 'right' ? Buffer.from('bundle') : null;
    },
  });
  const get = (url: string) => server.inject({ method: 'GET', url });
  const found = await get('/diagnostics/right');
  t.is(found.statusCode, 200);
  t.is(found.body, 'bundle');
  t.is(found.headers['content-type'], 'application/gzip');
  t.is(found.headers['cache-control'], 'no-store');
  for (const url of ['/diagnostics', '/diagnostics/a/b', '/diagnostics/../diagnostics']) {
    t.is((await get(url)).statusCode, 404, url);
  }
  const codes: number[] = [];
  for (let guess = 0; guess < 25; guess += 1) codes.push((await get(`/diagnostics/guess${guess}`)).statusCode);
  t.true(codes.slice(0, 19).every((code) => code === 404));
  t.is(codes.at(-1), 429);
  t.is((await get('/diagnostics/right')).statusCode, 429);
});
