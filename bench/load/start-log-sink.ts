import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('log-sink.mts', import.meta.url));

/** A sink for logged payloads that takes no time, in a process of its own. */
export interface BenchLogSink {
  readonly url: string;
  /** How many events it has taken so far. */
  count(): Promise<number>;
  stop(): void;
}

export async function startLogSink(): Promise<BenchLogSink> {
  const child = fork(PROGRAM, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [port] = (await once(child, 'message')) as [number];
  return {
    url: `http://127.0.0.1:${port}/`,
    count: async () => {
      child.send('count');
      const [events] = (await once(child, 'message')) as [number];
      return events;
    },
    stop: () => child.disconnect(),
  };
}
