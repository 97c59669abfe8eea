import process from 'node:process';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readChallenges } from '../../../../src/agent/sources/auth-challenges.ts';
import { credentialsFor } from '../../../../src/agent/sources/docker-config.ts';
import { SourceConfigurationError } from '../../../../src/agent/sources/errors.ts';
import { readManifest } from '../../../../src/agent/sources/oci-manifest.ts';
import { sized } from '../../../support/tier.ts';

/**
 * FUZZ_SECONDS extends the search, as the soak tier does. Each property takes at most that long. FUZZ_SEED
 * changes the seed.
 */
const seconds = Number(process.env['FUZZ_SECONDS'] ?? sized({ check: 2, soak: 60 }));
const bounded = {
  seed: Number(process.env['FUZZ_SEED'] ?? 1),
  interruptAfterTimeLimit: seconds * 1000,
  numRuns: seconds > 2 ? Number.MAX_SAFE_INTEGER : 1000,
};
const testLimitMs = seconds * 1000 + 20_000;

describe('WWW-Authenticate', () => {
  const token = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9_-]{0,8}$/);
  const value = fc.string({ unit: fc.constantFrom('a', 'b', ':', '/', '?', '=', ',', ' ', '"', '\\') });
  const challenge = fc.record({ scheme: token, parameters: fc.dictionary(token, value, { maxKeys: 4 }) });

  it(
    'reads any well-formed challenges correctly',
    () => {
      const property = fc.property(fc.array(challenge, { maxLength: 4 }), (challenges) => {
        const header = challenges.map(({ scheme, parameters }) => {
          const quoted = Object.entries(parameters).map(
            ([name, text]) => `${name}="${text.replace(/["\\]/g, '\\$&')}"`,
          );
          return `${scheme} ${quoted.join(', ')}`.trim();
        });
        const meant = challenges.map(({ scheme, parameters }) => ({
          scheme: scheme.toLowerCase(),
          parameters: new Map(Object.entries(parameters).map(([name, text]) => [name.toLowerCase(), text])),
        }));
        expect(readChallenges(header.join(', '))).toEqual(meant);
      });
      fc.assert(property, bounded);
    },
    testLimitMs,
  );

  it(
    'reads any text without an error',
    () => {
      const unit = fc.constantFrom('Bearer', 'Basic', 'realm', '=', ',', '"', '\\', ' ', 'é', '\t', 'a');
      fc.assert(
        fc.property(fc.string({ unit, maxLength: 2000 }), (header) => {
          readChallenges(header);
        }),
        bounded,
      );
    },
    testLimitMs,
  );
});

describe('config.json', () => {
  const field = fc.constantFrom('auth', 'username', 'password', 'identitytoken', 'registrytoken');
  const entry = fc.oneof(fc.dictionary(field, fc.jsonValue()), fc.jsonValue());
  const key = fc.string({ unit: fc.constantFrom('https://', 'r.io', '*', '.', '/', ':5000', 'a', 'v1') });
  const auths = fc.oneof(fc.dictionary(key, entry), fc.jsonValue());
  const config = fc.oneof(
    fc.record(
      { auths, credHelpers: fc.jsonValue(), credsStore: fc.jsonValue() },
      { requiredKeys: ['auths'] },
    ),
    fc.jsonValue(),
  );

  it(
    'any JSON results in credentials, none, or an error that names the Secret',
    () => {
      const property = fc.property(config, (value) => {
        try {
          credentialsFor(value, 'r.io', 'a/b');
        } catch (error) {
          expect(error).toBeInstanceOf(SourceConfigurationError);
        }
      });
      fc.assert(property, bounded);
    },
    testLimitMs,
  );

  it(
    'provides no credentials for a host without a key',
    () => {
      const other = fc.domain().filter((host) => host.toLowerCase() !== 'r.io');
      const property = fc.property(other, fc.constantFrom('', '/', '/v1/', '/a'), (host, path) => {
        const secrets = { username: 'u', password: 'p' };
        expect(credentialsFor({ auths: { [host + path]: secrets } }, 'r.io', 'a/b').kind).toBe('none');
      });
      fc.assert(property, bounded);
    },
    testLimitMs,
  );
});

describe('manifests', () => {
  const digest = fc.oneof(fc.constant(`sha256:${'0'.repeat(64)}`), fc.jsonValue());
  const fields = { mediaType: fc.jsonValue(), digest, size: fc.jsonValue(), annotations: fc.jsonValue() };
  const descriptor = fc.oneof(fc.record(fields, { requiredKeys: [] }), fc.jsonValue());
  const list = fc.oneof(fc.array(descriptor), fc.jsonValue());
  const manifest = fc.record({ config: descriptor, layers: list, manifests: list }, { requiredKeys: [] });

  it(
    'any JSON results in a manifest with valid layers, or none',
    () => {
      const property = fc.property(fc.oneof(manifest, fc.jsonValue()), (value) => {
        for (const { digest: hex, size } of readManifest(value)?.layers ?? []) {
          expect(hex).toMatch(/^sha256:[0-9a-f]{64}$/);
          expect(size).toBeGreaterThanOrEqual(0);
        }
      });
      fc.assert(property, bounded);
    },
    testLimitMs,
  );
});
