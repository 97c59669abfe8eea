/** The entry point of the thread that sends log records. Only thread-host.ts starts it. */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../lib/system-clock.ts';
import { serveLogThread } from './log-thread.ts';
import type { ThreadStart, ToThread } from './thread-messages.ts';

const thread = serveLogThread({
  start: workerData as ThreadStart,
  environment: process.env,
  clock: systemClock,
  random: Math.random,
  post: (message) => parentPort?.postMessage(message),
});
parentPort?.on('message', (message: ToThread) => thread.receive(message));
