import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { allLoaded } from '../support/agent.ts';
import type { AgentScene } from '../support/agent-scene.ts';
import { agentScene } from '../support/agent-scene.ts';
import type { Answer } from '../support/model-source.ts';
import { configured } from '../support/mounted-config.ts';
import { report } from '../support/report.ts';

const BAD = 'bad';
const status =
  (code: number, headers = {}): Answer =>
  (_request, response) =>
    response.writeHead(code, headers).end();

/** The fault, how the source shows it, and the reason in the status; undefined for a source that is only slow. */
const FAULTS: readonly (readonly [string, Answer, string | undefined])[] = [
  ['500', status(500), 'SourceUnavailable'],
  ['429', status(429, { 'retry-after': '1' }), 'TooManyRequests'],
  ['hanging', () => undefined, undefined],
  [
    'one byte a second',
    (_request, response) => {
      response.writeHead(200, { 'content-length': 1_000 });
      const timer = setInterval(() => response.write('x'), 1_000);
      response.on('close', () => clearInterval(timer));
    },
    undefined,
  ],
  [
    'truncated',
    (_request, response) => {
      response.writeHead(200, { 'content-length': 1_000 });
      response.write('x'.repeat(10), () => response.destroy());
    },
    'SourceUnavailable',
  ],
  [
    'shorter than it said',
    (_request, response) => {
      response.socket?.end('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort');
    },
    'SourceUnavailable',
  ],
  ['redirecting to itself', status(302, { location: `/${BAD}/weights.txt` }), 'BadRedirect'],
  ['not there', status(404), 'NotFound'],
];

describe('one bad source among 20', () => {
  let scene: AgentScene;
  beforeEach(async () => {
    scene = await agentScene();
  });
  afterEach(() => scene.end());

  it.each(FAULTS)('%s: the other 19 load, and the status gives the reason', async (name, answer, reason) => {
    const { config, source, server } = scene;
    const others = Array.from({ length: 19 }, (_, index) => `m${index}`);
    source.misbehave(`/${BAD}/weights.txt`, answer);
    await config.writeModels([BAD, ...others].map((model) => configured(model, source.uri(model))));
    const agent = await scene.start();
    await agent.until(({ models }) => models.filter(({ phase }) => phase === 'Loaded').length === 19);
    report(`19 beside one that is ${name}`, {
      loadedMs: Math.max(...server.loads.map(({ at }) => at)) - agent.startedAt,
    });
    if (reason === undefined) {
      expect(await agent.model(BAD)).toMatchObject({ phase: 'Downloading' });
      return;
    }
    const failed = await agent.until(({ models }) =>
      models.some((model) => model.name === BAD && model.phase === 'Failed'),
    );
    expect(failed.models.find((model) => model.name === BAD)).toMatchObject({
      reason,
      servingSpecHash: null,
    });
    expect(await agent.notReady()).toBeUndefined();
  });

  it('hanging or far too slow: fails at last, and loads once the source is healthy', async () => {
    const { config, source } = scene;
    const bad = FAULTS.filter(([, , reason]) => reason === undefined);
    const names = bad.map(([name]) => name.replaceAll(' ', '-'));
    for (const [index, [, answer]] of bad.entries()) source.misbehave(`/${names[index]}/weights.txt`, answer);
    await config.writeModels(names.map((name) => configured(name, source.uri(name))));
    const agent = await scene.start();
    const reasons = new Map<string, string>();
    await agent.until(({ models }) => {
      for (const { name, reason } of models) if (reason !== '') reasons.set(name, reason);
      return reasons.size === names.length;
    }, 150_000);
    report('gave up', { ms: performance.now() - agent.startedAt });
    expect(names.map((name) => reasons.get(name))).toEqual(['SourceTimeout', 'SourceTooSlow']);
    for (const name of names) source.misbehave(`/${name}/weights.txt`, undefined);
    await agent.until(allLoaded(names.length), 100_000);
  }, 300_000);

  it.each(FAULTS.filter(([name]) => name === '500' || name === 'truncated'))(
    '%s: loads once the source is healthy',
    async (_name, answer) => {
      const { config, source } = scene;
      source.misbehave(`/${BAD}/weights.txt`, answer);
      await config.writeModels([configured(BAD, source.uri(BAD))]);
      const agent = await scene.start();
      await agent.until(({ models }) => models[0]?.phase === 'Failed');
      source.misbehave(`/${BAD}/weights.txt`, undefined);
      await agent.until(allLoaded(1));
    },
  );
});
