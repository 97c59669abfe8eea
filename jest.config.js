import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/**
 * `unit` needs nothing but Node; `integration` starts a real etcd and kube-apiserver; `agent` starts real object stores
 * and model servers, which are installed before its first test. The tests in test/e2e have a configuration of their own.
 */
export const shared = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' } },
    ],
  },
  testPathIgnorePatterns: ['/node_modules/', ...slowFiles()],
};

/** Says every half minute what runs, for people who wait. */
export const reporters = ['default', '<rootDir>/scripts/progress-reporter.mjs'];

export default {
  testTimeout: 120_000,
  reporters,
  testSequencer: '<rootDir>/scripts/slow-first.mjs',
  // Most tests wait for programs that they started: one file more than processors leaves none of them idle.
  maxWorkers: availableParallelism() + 1,
  projects: [
    { ...shared, displayName: 'unit', testMatch: ['<rootDir>/test/unit/**/*.test.ts'] },
    { ...shared, displayName: 'integration', testMatch: ['<rootDir>/test/integration/**/*.test.ts'] },
    {
      ...shared,
      displayName: 'agent',
      globalSetup: '<rootDir>/test/agent/install-servers.ts',
      testMatch: ['<rootDir>/test/agent/**/*.test.ts'],
    },
  ],
};

/** The quick tier leaves out what test/tiers.json calls slow. */
function slowFiles() {
  if (process.env.KSERVE_MMS_TEST_TIER !== 'quick') return [];
  const { slow } = JSON.parse(readFileSync(new URL('test/tiers.json', import.meta.url), 'utf8'));
  return slow.map((file) => `/test/${file.replaceAll('.', '\\.')}$`);
}
