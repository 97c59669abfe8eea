import process from 'node:process';

/**
 * How much of something a test does. `soak` is the long form, which `npm run soak` runs; in every other run, `.ci/run`
 * among them, `check` makes the same assertions with less. Files that use this are listed in test/tiers.json.
 */
export function sized<T>({ check, soak }: { readonly check: T; readonly soak: T }): T {
  return process.env['KSERVE_MMS_TEST_TIER'] === 'soak' ? soak : check;
}
