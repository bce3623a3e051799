export default {
  extensions: ['ts'],
  files: ['**/*.test.ts', '!node_modules/**', '!var/**'],
  timeout: '5m',
};
