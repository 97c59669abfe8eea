import { messageOf } from '../../../src/lib/errors.ts';
import { run } from './this-node.ts';

/** Runs the work. When it fails, adds the state of the namespace to the error. */
export async function withDiagnosis<T>(namespace: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const seen = await Promise.all([
      ask('get', 'pods', '-o', 'wide'),
      ask('get', 'events', '--sort-by=.lastTimestamp'),
      ask('describe', 'pods'),
      ask('logs', '--all-containers', '--prefix', '--tail=20', '-l', 'app.kubernetes.io/part-of=kserve-mms'),
      ask('logs', '--all-containers', '--prefix', '--tail=20', '-l', 'component=predictor'),
    ]);
    throw new Error([messageOf(thrown), ...seen].join('\n\n'), { cause: thrown });
  }

  function ask(...args: string[]): Promise<string> {
    return run('-n', namespace, ...args).catch((error: unknown) => messageOf(error));
  }
}
