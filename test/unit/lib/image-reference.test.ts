import { describe, expect, it } from '@jest/globals';
import { isImageReference } from '../../../src/lib/image-reference.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('an image reference', () => {
  it.each([
    'kserve-mms',
    'kserve-mms:0.1.0',
    'kserve/agent:v0.17.0',
    'registry.example/team/kserve-mms:0.1.0',
    'registry.example:5000/kserve-mms',
    'localhost:5000/kserve-mms:latest',
    '[::1]:5000/kserve-mms',
    `registry.example/kserve-mms@${DIGEST}`,
    `registry.example/kserve-mms:0.1.0@${DIGEST}`,
    'a.b/c_d/e__f/g---h.i',
  ])('is %s', (text) => {
    expect(isImageReference(text)).toBe(true);
  });

  it.each([
    ['nothing', ''],
    ['a space', 'kserve mms'],
    ['capital letters in its path', 'Kserve-Mms'],
    ['no tag after the colon', 'kserve-mms:'],
    ['two tags', 'kserve-mms:a:b'],
    ['a scheme', 'https://registry.example/kserve-mms'],
    ['a slash at the end', 'kserve-mms/'],
    ['a short digest', 'kserve-mms@sha256:abc'],
    ['a separator at the end', 'kserve-mms-'],
    ['more than 255 characters', 'a'.repeat(256)],
    ['a line break', 'kserve-mms\n'],
  ])('is invalid with %s', (_what, text) => {
    expect(isImageReference(text)).toBe(false);
  });
});
