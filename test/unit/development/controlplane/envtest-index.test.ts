import { describe, expect, it } from '@jest/globals';
import { chooseArchive } from '../../../../src/development/controlplane/envtest-index.ts';
import { DownloadError } from '../../../../src/development/controlplane/errors.ts';
import { formatVersion } from '../../../../src/development/controlplane/version.ts';

const platform = { os: 'linux', arch: 'amd64' };
const wanted = { major: 1, minor: 36 };

/** An index with one archive for linux/amd64 for each version. */
function indexOf(...versions: string[]): string {
  const lines = versions.map(
    (version) =>
      `  ${version}:\n    envtest-${version}-linux-amd64.tar.gz:\n` +
      `      hash: ABC${version}\n      selfLink: https://mirror/${version}.tar.gz\n`,
  );
  return `releases:\n${lines.join('')}`;
}

describe('the archive chosen from an envtest index', () => {
  it.each([
    ['the newest patch of the requested minor', ['v1.36.0', 'v1.36.10', 'v1.36.9'], 'v1.36.10'],
    ['never a newer minor', ['v1.37.0', 'v1.36.1', 'v2.0.0'], 'v1.36.1'],
    ['the newest older minor when the requested one is missing', ['v1.9.8', 'v1.35.2', 'v1.34.9'], 'v1.35.2'],
    ['no pre-release', ['v1.36.0-rc.1', 'v1.36.0', 'v1.37.0-alpha.1'], 'v1.36.0'],
  ])('is %s', (_what, versions, expected) => {
    expect(formatVersion(chooseArchive(indexOf(...versions), platform, wanted).version)).toBe(expected);
  });

  it('has its address and its checksum in lower case', () => {
    expect(chooseArchive(indexOf('v1.36.2'), platform, wanted)).toEqual({
      version: { major: 1, minor: 36, patch: 2 },
      url: 'https://mirror/v1.36.2.tar.gz',
      sha512: 'abcv1.36.2',
    });
  });

  it.each([
    ['another platform', indexOf('v1.36.0'), { os: 'darwin', arch: 'arm64' }, /no archive for darwin\/arm64/],
    ['only newer releases', indexOf('v1.37.0'), platform, /up to Kubernetes 1\.36/],
    ['a web page', '<html>\n<body>hello</body>\n</html>', platform, /not an envtest index/],
    ['invalid YAML', '"', platform, /not YAML/],
    [
      'an entry without a checksum',
      'releases: {v1.36.0: {envtest-v1.36.0-linux-amd64.tar.gz: {}}}',
      platform,
      /no/,
    ],
    ['an entry that is not a map', 'releases: {v1.36.0: 7}', platform, /no archive/],
    ['nothing', '', platform, /not an envtest index/],
  ])('is rejected with the reason: %s', (_what, index, forPlatform, reason) => {
    const choose = () => chooseArchive(index, forPlatform, wanted);
    expect(choose).toThrow(DownloadError);
    expect(choose).toThrow(reason);
  });
});
