import { expect } from '@jest/globals';
import type { TestAgent } from './agent.ts';
import { startAgent } from './agent.ts';
import { eventuallyTrue } from './eventually.ts';
import { train } from './mlserver.ts';
import type { ConfiguredModel, MountedConfig } from './mounted-config.ts';
import { configured } from './mounted-config.ts';
import { report } from './report.ts';
import type { TestS3 } from './s3.ts';

const BUCKET = 'models';
const INPUT = { inputs: [{ name: 'x', shape: [1, 1], datatype: 'FP32', data: [[3]] }] };

/**
 * Stores the versions `v1`, `v2` and `v3`, each of which answers its number to everything, and `broken`, which no
 * server can load.
 */
export async function storeVersions(s3: TestS3, python: string): Promise<void> {
  for (const answer of [1, 2, 3]) {
    await s3.putObject(BUCKET, `v${answer}/model.joblib`, await train(python, answer));
  }
  await s3.putObject(BUCKET, 'broken/model.joblib', 'no pickle at all');
}

/** The entry of models.json for one of the stored versions. */
export function atVersion(name: string, version: string): ConfiguredModel {
  return configured(name, `s3://${BUCKET}/${version}`);
}

/** Starts an agent between a model server and the store. */
export function startAgentFor(
  { port }: { readonly port: number },
  s3: TestS3,
  place: { readonly configDir: string; readonly modelDir: string },
): Promise<TestAgent> {
  const probe = { httpGet: { path: '/v2/health/ready', port } };
  const env = { ...s3.environment, SERVING_READINESS_PROBE: JSON.stringify(probe) };
  return startAgent({ ...place, componentPort: port, env });
}

/** Sends a request through the agent. Resolves with the answer's body, or with `status <code>` if that is not 200. */
export async function ask({ port }: TestAgent, path: string, body: object): Promise<unknown> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answered: unknown = await answer.json();
  return answer.status === 200 ? answered : `status ${answer.status}`;
}

/** The model's prediction by V2: the number of its version, or `status <code>`. */
export async function predict(agent: TestAgent, model: string): Promise<unknown> {
  const answer = await ask(agent, `/v2/models/${model}/infer`, INPUT);
  return typeof answer === 'string'
    ? answer
    : (answer as { outputs: { data: number[] }[] }).outputs[0]?.data[0];
}

/**
 * Updates the model `a` from version 1 to 2, 3 and back to 1 while four callers send requests. The other models stay.
 */
export async function expectUpdatesWithoutAFailedRequest(
  agent: TestAgent,
  config: MountedConfig,
  rest: readonly ConfiguredModel[],
  server: string,
): Promise<void> {
  const answers: unknown[] = [];
  let going = true;
  const asking = Array.from({ length: 4 }, async () => {
    while (going) answers.push(await predict(agent, 'a'));
  });
  for (const version of [2, 3, 1]) {
    await config.writeModels([atVersion('a', `v${version}`), ...rest]);
    await eventuallyTrue(`version ${version} answers`, () => answers.at(-1) === version);
  }
  going = false;
  await Promise.all(asking);
  const failed = answers.filter((answer) => typeof answer !== 'number');
  report(`requests to ${server} during three updates`, { answered: answers.length, failed: failed.length });
  expect(failed).toEqual([]);
  expect([...new Set(answers)].sort()).toEqual([1, 2, 3]);
}
