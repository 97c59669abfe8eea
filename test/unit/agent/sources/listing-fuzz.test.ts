import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isModelName, readDesiredModels } from '../../../../src/agent/config/desired-models.decide.ts';
import { pullOnce } from '../../../support/pulling.ts';
import { sized } from '../../../support/tier.ts';

const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? sized({ check: 4, soak: 60 }));
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
const BOUND = { seed: SEED, numRuns: 1_000_000, interruptAfterTimeLimit: SECONDS * 1000 };
const JEST_LIMIT_MS = SECONDS * 1000 + 60_000;

const COMMIT = 'a'.repeat(40);

/** What the hub serves for each file, as described in its list. */
const CONTENT = 'x';
const GOOD = { size: 1, oid: createHash('sha1').update(`blob 1\0${CONTENT}`).digest('hex') };

/** Half of the values have the right shape, so that later checks are reached too. */
const path = fc.oneof(
  fc.constantFrom('a', 'a/b', '../a', '/a', 'a//b', '.', '', 'a/', 'A', '__proto__', 'SUCCESS.1', '\u0000'),
  fc.string({ maxLength: 20 }),
);
const goodEntry = path.map((name) => ({ type: 'file', path: name, ...GOOD }));
const entry = fc.oneof(
  goodEntry,
  fc.record(
    {
      type: fc.constantFrom('file', 'file', 'directory', 'link'),
      path,
      size: fc.oneof(fc.nat(8), fc.double()),
      oid: fc.oneof(fc.constant('0'.repeat(40)), fc.string()),
      lfs: fc.oneof(
        fc.constant(null),
        fc.record({ oid: fc.string(), size: fc.nat(8) }, { requiredKeys: [] }),
      ),
    },
    { requiredKeys: ['type', 'path', 'size', 'oid'] },
  ),
  fc.jsonValue(),
);
const page = fc.record({
  body: fc.oneof(
    fc.array(goodEntry, { maxLength: 3 }).map((entries) => JSON.stringify(entries)),
    fc.array(entry, { maxLength: 4 }).map((entries) => JSON.stringify(entries)),
    fc.json(),
    fc.string(),
  ),
  link: fc.option(
    fc.oneof(
      fc.constantFrom('<?cursor=1>; rel="next"', '<http://[>; rel=next', '<x>; rel="prev", <?c=2>; rel=next'),
      fc.constantFrom('<https://elsewhere.example/x>; rel="next"', '<file:///etc/passwd>; rel="next"'),
      fc.string({ unit: fc.constantFrom('<', '>', ';', ',', '"', '=', ' ', 'rel', 'next', '?c', '\\') }),
    ),
    { nil: undefined },
  ),
});
const siblings = fc.oneof(
  fc.constant(undefined),
  fc.jsonValue(),
  fc.array(fc.record({ rfilename: path }), { maxLength: 3 }),
);

describe('a random list of a hub', () => {
  let hub: Server;
  let pages: { body: string; link: string | undefined }[] = [];
  let revision: unknown;
  beforeAll(async () => {
    hub = createServer(({ url = '' }, response) => {
      if (url.includes('/revision/')) return void response.end(JSON.stringify(revision));
      if (!url.includes('/tree/')) return void response.end(CONTENT);
      const next = pages.shift();
      if (next?.link !== undefined) response.setHeader('link', next.link);
      return void response.end(next?.body ?? '[]');
    }).listen(0, '127.0.0.1');
    await once(hub, 'listening');
  });
  afterAll(() => {
    hub.close();
    hub.closeAllConnections();
  });

  it(
    'results in a model or in a failure with a reason, and leaves no file beside the model',
    async () => {
      const endpoint = `http://127.0.0.1:${(hub.address() as AddressInfo).port}`;
      let pulled = 0;
      const outcome = fc.asyncProperty(
        fc.array(page, { minLength: 1, maxLength: 3 }),
        siblings,
        async (made, named) => {
          pages = [...made];
          revision = { sha: COMMIT, siblings: named };
          const { result, files, outside } = await pullOnce('hf://org/repo', {
            env: { HF_ENDPOINT: endpoint },
            settings: { attemptsPerFile: 1, noProgressTimeoutMs: 5_000 },
          });
          expect(outside).toEqual([]);
          if (result.kind === 'pulled') {
            pulled += 1;
            expect(result.files).toBe(files.size);
          } else expect([result.reason, files.size]).toEqual([expect.stringMatching(/^(?!Unexpected)/), 0]);
        },
      );
      await fc.assert(outcome, BOUND);
      expect(pulled).toBeGreaterThan(0);
    },
    JEST_LIMIT_MS,
  );
});

const spec = fc.record(
  {
    storageUri: fc.oneof(fc.constant('gs://bucket/m'), fc.string()),
    framework: fc.oneof(fc.constant('sklearn'), fc.jsonValue()),
    memory: fc.oneof(fc.constantFrom('1Gi', '1e3', '-1', '0', 7), fc.jsonValue()),
  },
  { requiredKeys: [] },
);
const modelsJson = fc.oneof(
  fc
    .array(
      fc.oneof(
        fc.record({ modelName: path, modelSpec: fc.oneof(spec, fc.jsonValue()) }, { requiredKeys: [] }),
        fc.jsonValue(),
      ),
      { maxLength: 5 },
    )
    .map((entries) => JSON.stringify(entries)),
  fc.json(),
  fc.string(),
);

describe('a random models.json', () => {
  it(
    'results in models that can be directories, or in faults',
    () => {
      const outcome = fc.property(modelsJson, (text) => {
        const desired = readDesiredModels(text);
        if (desired.kind === 'faulty') return desired.faults.length > 0;
        return (
          [...desired.models.keys()].every(isModelName) &&
          desired.models.size === (JSON.parse(text) as unknown[]).length
        );
      });
      fc.assert(outcome, BOUND);
    },
    JEST_LIMIT_MS,
  );
});
