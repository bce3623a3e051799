// Tests that take minutes, such as those that build images or boot several machines: only in npm run test:all.
export default {
  extensions: ['ts'],
  files: ['**/*.long.ts', '!node_modules/**', '!var/**', '!coverage/**', '!dist/**'],
  require: [['./setup/test-watch.mjs', { minutes: 60 }]],
  concurrency: 1,
  timeout: '120m',
};
