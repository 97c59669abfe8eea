import process from 'node:process';

/**
 * The amount of work in a test. `soak` is the long form, which `npm run soak` runs. Every other run, also `.ci/run`,
 * uses `check`, which makes the same assertions with less. test/tiers.json lists the files that use this.
 */
export function sized<T>({ check, soak }: { readonly check: T; readonly soak: T }): T {
  return process.env['KSERVE_MMS_TEST_TIER'] === 'soak' ? soak : check;
}
