import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { httpCaller } from '../../src/agent/model-server/http-call.ts';
import { v2Adapter } from '../../src/agent/model-server/v2.ts';
import type { TestMlserver } from '../support/mlserver.ts';
import { startMlserver } from '../support/mlserver.ts';

/** The settings are in the artifact. */
const SETTINGS = {
  hidden: () => false,
  showAll: () => Promise.resolve(),
  during: <T>(_name: string, _directory: string, _framework: string, work: () => Promise<T>) => work(),
};
const SPEC = { storageUri: 's3://b/m', framework: 'sklearn', memory: '1' };
const SKLEARN = 'mlserver_sklearn.SKLearnModel';
/** A pickle of a class in a missing module; docs.python.org/3/library/pickletools.html */
const OF_ANOTHER_MODULE = 'cmy_company\nModel\n.';

describe('the reason why a real MLServer does not load a model', () => {
  let root: string;
  let server: TestMlserver;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'kserve-mms-failed-load-'));
    // Without workers, MLServer answers every failure with its traceback. With workers, it does so only before a
    // worker has the model.
    server = await startMlserver(join(root, 'models'), { environment: { MLSERVER_PARALLEL_WORKERS: '0' } });
    await server.ready();
  }, 300_000);
  afterAll(async () => {
    await server.kill('SIGKILL');
    await rm(root, { recursive: true, force: true });
  });

  async function messageFor(name: string, content: string, implementation = SKLEARN): Promise<string> {
    const directory = join(root, 'models', name);
    await mkdir(directory);
    const settings = { name, implementation, parameters: { uri: './model.joblib' } };
    await writeFile(join(directory, 'model-settings.json'), JSON.stringify(settings));
    await writeFile(join(directory, 'model.joblib'), content);
    const adapter = v2Adapter(httpCaller(new URL(`http://127.0.0.1:${server.port}`)), SETTINGS);
    const answer = await adapter.load(name, directory, SPEC);
    return answer.kind === 'done' ? 'it is loaded' : answer.message;
  }

  it.each([
    ['text', 'no pickle at all', SKLEARN, 'KeyError: 110 (pickle.py, line '],
    ['empty', '', SKLEARN, 'EOFError (pickle.py, line '],
    [
      'other',
      OF_ANOTHER_MODULE,
      SKLEARN,
      "ModuleNotFoundError: No module named 'my_company' (pickle.py, line ",
    ],
    [
      'xgboost',
      '',
      'mlserver_xgboost.XGBoostModel',
      "ModuleNotFoundError: No module named 'mlserver_xgboost' (",
    ],
    [
      'nowhere',
      '',
      'mlserver_sklearn.Nope',
      "Invalid python path: No module named 'mlserver_sklearn.Nope' (",
    ],
  ])('%s', async (name, content, implementation, cause) => {
    expect(await messageFor(name, content, implementation)).toContain(cause);
  });
});
