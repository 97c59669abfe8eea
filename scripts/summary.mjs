/**
 * Prints `N passed, N failed` for the last `npm test`, as its last line; exit code 1 unless something passed and
 * nothing failed. Suites that could not be run and tests that were skipped count as failed.
 */
import { join } from 'node:path';
import { readIfThere, root } from './run.mjs';

const text = readIfThere(join(root, 'test-results', 'jest.json'));
const result = text === undefined ? {} : JSON.parse(text);
const { numPassedTests: passed = 0, numFailedTests = 0, numRuntimeErrorTestSuites = 0 } = result;
const { numPendingTests = 0, numTodoTests = 0, success = false } = result;
const skipped = numPendingTests + numTodoTests;

if (numRuntimeErrorTestSuites > 0) console.log(`${numRuntimeErrorTestSuites} test files could not be run`);
if (skipped > 0) console.log(`${skipped} tests were skipped, which counts as failed`);
const counted = numFailedTests + numRuntimeErrorTestSuites + skipped;
const failed = counted === 0 && (!success || passed === 0) ? 1 : counted;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
