import config, { reporters, shared } from '../../jest.config.js';

/** Tests on a real node, which test/e2e/support/main.ts starts; they have it to themselves, one file after the other. */
export default {
  ...shared,
  displayName: 'e2e',
  rootDir: '../..',
  reporters,
  testMatch: ['<rootDir>/test/e2e/**/*.test.ts'],
  testTimeout: 3 * config.testTimeout,
  maxWorkers: 1,
};
