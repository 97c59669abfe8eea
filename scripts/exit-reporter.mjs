/**
 * A reporter of jest that ends the run once its results are written, though a test that failed left a server open. `--forceExit`
 * does the same, and prints advice that helps nobody who only runs the tests.
 */
const RESULTS_WRITTEN_MS = 2_000;

export default class ExitReporter {
  onRunComplete() {
    // jest writes the results right after this, and sets the exit code when the process ends.
    setTimeout(() => process.exit(), RESULTS_WRITTEN_MS).unref();
  }
}
