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
};

export default {
  testTimeout: 120_000,
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
