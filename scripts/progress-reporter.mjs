/** A reporter of jest that says, whenever no file has ended for half a minute, how far the run is and what runs. */
import { relative } from 'node:path';
import { progressLine } from './progress.mjs';
import { root, say } from './run.mjs';

const EVERY_MS = 30_000;

export default class ProgressReporter {
  #running = new Map();
  #done = 0;
  #total = 0;
  #timer;

  onRunStart({ numTotalTestSuites }) {
    this.#total = numTotalTestSuites;
    this.#wait();
  }

  onTestFileStart({ path }) {
    this.#running.set(relative(root, path), performance.now());
  }

  onTestFileResult({ path }) {
    this.#running.delete(relative(root, path));
    this.#done += 1;
    this.#wait();
  }

  onRunComplete() {
    clearInterval(this.#timer);
  }

  /** From the last sign of life: jest prints each file that ends. */
  #wait() {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      const { done, total, running } = { done: this.#done, total: this.#total, running: this.#running };
      say(progressLine({ done, total, running }, performance.now()));
    }, EVERY_MS);
  }
}
