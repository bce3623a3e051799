// Two test files at a time: the tests are bound by namespaces and daemons of one kernel, and CI has two cores.
export default {
  extensions: ['ts'],
  files: ['**/*.test.ts', '!node_modules/**', '!var/**', '!coverage/**', '!dist/**'],
  concurrency: 2,
  timeout: '5m',
};
