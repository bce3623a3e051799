// Loaded into every test file by ava (`require` of ava.config.js): ends a file that does not end, and says of each how long it took.
import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { registerCompletionHandler } from 'ava';

/**
 * How long what a test left open may hold its file: closing of sockets and the like. More is a mistake of the test, which
 * has to close what it opened by `t.teardown`, or the file would hold one of ava's places to the end of the run.
 */
const graceMs = 30_000;

/** @param {object} event */
function note(event) {
  const path = process.env.ISTHMUS_TEST_TIMES;
  if (path !== undefined) appendFileSync(path, `${JSON.stringify(event)}\n`);
}

/** What keeps this file's thread alive, such as `TCPServerWrap, 2 Timeout`. */
function holders() {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const name of process.getActiveResourcesInfo()) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => (count === 1 ? name : `${count} ${name}`)).join(', ');
}

/**
 * Ends this file as failed. By an exception that nobody catches: ava's TAP reporter does not survive process.exit() while
 * tests are under way.
 * @param {string} why
 */
function end(why) {
  throw new Error(why);
}

/** @param {{ minutes: number }} limit of one file, its tests still under way after that fail */
export default function watch({ minutes }) {
  const file = relative(process.cwd(), fileURLToPath(test.meta.file));
  const startedAt = performance.now();
  note({ file });
  const limit = setTimeout(
    () => end(`${file}: not done after ${minutes} minutes; open: ${holders()}`),
    minutes * 60_000,
  );
  limit.unref();
  registerCompletionHandler(() => {
    clearTimeout(limit);
    note({ file, seconds: (performance.now() - startedAt) / 1000 });
    const sentence = `${file}: its tests are done, but something holds it open`;
    setTimeout(() => end(`${sentence}: ${holders()}`), graceMs).unref();
  });
}
