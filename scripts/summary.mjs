/**
 * Names the tests that failed, then prints `N passed, N failed` for the last `npm run test:full`, `npm run test:e2e` and
 * `npm run bench:guard` together, as its last line; exit code 1 unless something passed in each of them and nothing failed.
 * Suites that could not be run and tests that were skipped count as failed, and so do a run that left no result and, with
 * `--checkout-changed`, what the tests changed in the checkout.
 */
import { relative } from 'node:path';
import { e2eResults, guardResults, readIfThere, results, root } from './run.mjs';

const counts = [
  count('npm run test:full', results),
  count('npm run test:e2e', e2eResults),
  count('npm run bench:guard', guardResults),
];
const passed = sum(counts.map((run) => run.passed));
const checkout = process.argv.includes('--checkout-changed') ? 1 : 0;
const failed = sum(counts.map((run) => run.failed)) + checkout;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function count(what, file) {
  const text = readIfThere(file);
  const result = text === undefined ? {} : JSON.parse(text);
  const { numPassedTests: passed = 0, numFailedTests = 0, numRuntimeErrorTestSuites = 0 } = result;
  const { numPendingTests = 0, numTodoTests = 0, success = false } = result;
  const skipped = numPendingTests + numTodoTests;
  if (text === undefined) console.log(`${what} left no result, which counts as failed`);
  if (numRuntimeErrorTestSuites > 0)
    console.log(`${what}: ${numRuntimeErrorTestSuites} test files could not be run`);
  if (skipped > 0) console.log(`${what}: ${skipped} tests were skipped, which counts as failed`);
  for (const name of failedTests(result)) console.log(`failed: ${name}`);
  const counted = numFailedTests + numRuntimeErrorTestSuites + skipped;
  return { passed, failed: counted === 0 && (!success || passed === 0) ? 1 : counted };
}

/** Of jest's report. A file that could not be run has no tests in it. */
function failedTests({ testResults = [] }) {
  return testResults.flatMap(({ name, status, assertionResults = [] }) => {
    const file = relative(root, name);
    const failed = assertionResults.filter((test) => test.status === 'failed');
    if (failed.length === 0 && status === 'failed') return [file];
    return failed.map(({ fullName }) => `${file}: ${fullName}`);
  });
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
