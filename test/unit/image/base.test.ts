import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { readBase } from '../../../image/base.ts';
import { readBundled } from '../../../image/bundled.ts';
import { imageContents } from '../../../image/make-image.ts';
import { defaultPlatform, platformOf } from '../../../image/platform.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..', '..');

describe('the contents of the image', () => {
  it('have the Node of package-lock.json', async () => {
    const lock = JSON.parse(await readFile(join(REPOSITORY, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { version: string }>;
    };
    expect((await readBase()).node.version).toBe(lock.packages['node_modules/node']!.version);
  });

  it('are not built with another Node', async () => {
    const request = {
      root: REPOSITORY,
      platform: platformOf('linux/amd64'),
      tools: { cache: '/nonexistent', npm: { command: 'false', args: [] } },
      running: { version: '24.0.0', authorities: [] },
    };
    await expect(imageContents(request)).rejects.toMatchObject({
      code: 'WRONG_NODE',
      message: expect.stringMatching(/this runs on 24\.0\.0.*npm run image.*docs\/image\.md/),
    });
  });

  it('require a build', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'image-base-test-'));
    try {
      await expect(readBundled(empty)).rejects.toMatchObject({
        code: 'NOT_BUILT',
        message: `there is no build in ${empty}; run: npm run build`,
      });
    } finally {
      await rm(empty, { recursive: true });
    }
  });

  it.each([
    ['x64', 'amd64'],
    ['arm64', 'arm64'],
  ])('are for the processor of this machine, %s', (nodeArch, architecture) => {
    expect(platformOf(defaultPlatform(nodeArch)).architecture).toBe(architecture);
  });

  it.each(['linux/s390x', 'windows/amd64', 'amd64', ''])('are not available for %j', (name) => {
    expect(() => platformOf(name)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_PLATFORM' }));
  });
});
