// Three test files at a time: CI has two cores, and about a third of a scenario is waiting (for leases, health checks and
// time limits).
// setup/test-watch.mjs ends a file that does not end. ava's own limit says only that no test of any file has reported, and
// its TAP reporter does not survive it: it is far off (setup/run-tests.mjs has one for the run).
export default {
  extensions: ['ts'],
  files: ['**/*.test.ts', '!node_modules/**', '!var/**', '!coverage/**', '!dist/**'],
  require: [['./setup/test-watch.mjs', { minutes: 12 }]],
  concurrency: 3,
  timeout: '60m',
};
