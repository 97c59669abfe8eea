import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { findBinaries } from '../../../../src/development/controlplane/binaries.ts';
import type { BinaryOptions } from '../../../../src/development/controlplane/binaries.ts';
import { BinariesNotFoundError } from '../../../../src/development/controlplane/errors.ts';
import { freePorts } from '../../../../src/development/controlplane/ports.ts';
import { startEnvtestMirror, writeProgram } from '../../../support/envtest-mirror.ts';
import type { EnvtestMirror, MirrorFaults } from '../../../support/envtest-mirror.ts';

let work: string;
let mirror: EnvtestMirror | undefined;
/** No server listens here: a refused connection is the fastest form of no network. */
let noIndex: string;
let progress: string[];

beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'binaries-test-'));
  const [port = 0] = await freePorts(1);
  noIndex = `http://127.0.0.1:${port}/index.yaml`;
  progress = [];
});
afterEach(async () => {
  await mirror?.close();
  mirror = undefined;
  await rm(work, { recursive: true });
});

function options(changes: Partial<BinaryOptions> = {}): BinaryOptions {
  return {
    wanted: { major: 1, minor: 36 },
    platform: { os: 'linux', arch: 'amd64' },
    assetsDirectory: undefined,
    cache: join(work, 'cache'),
    indexUrl: mirror?.indexUrl ?? noIndex,
    moduleDirectory: join(work, 'module'),
    environment: { PATH: join(work, 'no-programs') },
    progress: (line) => progress.push(line),
    ...changes,
  };
}

async function withPrograms(directory: string, names = ['etcd', 'kube-apiserver']): Promise<string> {
  for (const name of names) await writeProgram(directory, name, 'exit 0');
  return directory;
}

async function withMirror(faults?: MirrorFaults): Promise<EnvtestMirror> {
  mirror = await startEnvtestMirror(work, faults);
  return mirror;
}

/** A `go` that accepts `version` and writes the file named with -o, or fails. */
async function withGo(script: string): Promise<NodeJS.ProcessEnv> {
  await mkdir(join(work, 'module'), { recursive: true });
  await writeFile(join(work, 'module', 'go.mod'), 'module m\n\nrequire (\n\tk8s.io/kubernetes v1.36.3\n)\n');
  await writeProgram(join(work, 'go-bin'), 'go', script);
  // kubectl keeps a cache in HOME, and without HOME in the working directory.
  return { PATH: `${join(work, 'go-bin')}:/usr/bin:/bin`, HOME: work };
}
const WORKING_GO = `[ "$1" = version ] && exit 0
while [ "$1" != -o ]; do [ "$1" = -ldflags ] && flags=$2; shift; done
echo "#!$flags CGO_ENABLED=$CGO_ENABLED $3" > "$2"`;

async function failure(of: BinaryOptions): Promise<BinariesNotFoundError> {
  const error: unknown = await findBinaries(of).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(BinariesNotFoundError);
  return error as BinariesNotFoundError;
}

describe('etcd and kube-apiserver come from', () => {
  it('KUBEBUILDER_ASSETS, before anything else', async () => {
    const assetsDirectory = await withPrograms(join(work, 'assets'));
    await withPrograms(join(work, 'cache', 'v1.36.1'));
    const found = await findBinaries(options({ assetsDirectory }));
    expect(found).toEqual({
      etcd: join(assetsDirectory, 'etcd'),
      kubeApiserver: join(assetsDirectory, 'kube-apiserver'),
      kubectl: 'kubectl',
      directory: assetsDirectory,
      source: 'KUBEBUILDER_ASSETS',
    });
  });

  it('KUBEBUILDER_ASSETS, with its kubectl', async () => {
    const assetsDirectory = await withPrograms(join(work, 'assets'), ['etcd', 'kube-apiserver', 'kubectl']);
    const found = await findBinaries(options({ assetsDirectory }));
    expect(found.kubectl).toBe(join(assetsDirectory, 'kubectl'));
  });

  it('the newest complete directory of the requested minor in the cache, before a download', async () => {
    const { requests } = await withMirror();
    const cache = join(work, 'cache');
    await withPrograms(join(cache, 'v1.36.2'));
    await withPrograms(join(cache, 'v1.36.9'), ['etcd']);
    for (const other of ['v1.35.9', 'v1.37.0', 'v1.36.8-seed']) await withPrograms(join(cache, other));
    const found = await findBinaries(options({ assetsDirectory: join(work, 'empty') }));
    expect(found).toMatchObject({ source: 'cache', directory: join(cache, 'v1.36.2') });
    expect(requests).toEqual([]);
  });

  it('a download, and then from the cache', async () => {
    const { requests } = await withMirror();
    const found = await findBinaries(options());
    expect(found).toMatchObject({ source: 'download', directory: join(work, 'cache', 'v1.36.7') });
    expect(await readFile(found.kubeApiserver, 'utf8')).toContain('mirrored kube-apiserver');
    expect(await readdir(join(work, 'cache'))).toEqual(['v1.36.7']);
    expect(await findBinaries(options())).toMatchObject({ source: 'cache', directory: found.directory });
    expect(requests).toEqual(['/index.yaml', '/envtest.tar.gz']);
  });

  it('one download for concurrent callers', async () => {
    const { requests } = await withMirror();
    const found = await Promise.all([1, 2, 3, 4].map(() => findBinaries(options())));
    expect(new Set(found.map(({ directory }) => directory)).size).toBe(1);
    expect(requests).toEqual(['/index.yaml', '/envtest.tar.gz']);
  });

  it('a download that replaces an incomplete directory of the same version', async () => {
    await withMirror();
    await withPrograms(join(work, 'cache', 'v1.36.7'), ['etcd']);
    const found = await findBinaries(options());
    expect(await readFile(found.etcd, 'utf8')).toContain('mirrored etcd');
    expect(existsSync(found.kubeApiserver)).toBe(true);
  });

  it('a build with Go of the pinned version, when the download fails', async () => {
    const found = await findBinaries(options({ environment: await withGo(WORKING_GO) }));
    expect(found).toMatchObject({ source: 'go-build', directory: join(work, 'cache', 'v1.36.3') });
    expect(await readFile(found.kubeApiserver, 'utf8')).toBe(
      '#!-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3 ' +
        '-X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36 ' +
        'CGO_ENABLED=0 k8s.io/kubernetes/cmd/kube-apiserver\n',
    );
    expect(await readFile(found.etcd, 'utf8')).toContain(' go.etcd.io/etcd/server/v3\n');
    expect(progress.join('\n')).toMatch(/no download: .*ECONNREFUSED[^]*building kube-apiserver with Go/);
  });

  it.each([
    ['v1.36.0', 'the PATH'],
    ['v1.35.9-vendor', 'the PATH'],
    ['v1.37.2+k3s1', 'the PATH'],
    ['v1.34.9', 'a build'],
    ['v1.38.0', 'a build'],
    ['v2.36.0', 'a build'],
    ['not a version', 'a build'],
  ])('a build with Go, with kubectl %s in the PATH: kubectl comes from %s', async (version, from) => {
    const environment = await withGo(WORKING_GO);
    const answer = JSON.stringify({ clientVersion: { gitVersion: version } });
    await writeProgram(join(work, 'go-bin'), 'kubectl', `echo '${answer}'`);
    const { kubectl } = await findBinaries(options({ environment }));
    expect(kubectl).toBe(from === 'the PATH' ? 'kubectl' : join(work, 'cache', 'v1.36.3', 'kubectl'));
  });
});

describe('when no source works', () => {
  it('one error lists each with its reason, and the solutions', async () => {
    const error = await failure(
      options({ assetsDirectory: await withPrograms(join(work, 'assets'), ['etcd']) }),
    );
    expect(error.code).toBe('CONTROL_PLANE_BINARIES_NOT_FOUND');
    expect(error.attempts.map(({ source }) => source)).toEqual([
      'KUBEBUILDER_ASSETS',
      'cache',
      'download',
      'go-build',
    ]);
    expect(error.message).toMatch(/KUBEBUILDER_ASSETS: .* has no executable kube-apiserver/);
    expect(error.message).toMatch(/cache: .* has no complete 1\.36/);
    expect(error.message).toMatch(/download of .*ECONNREFUSED/);
    expect(error.message).toMatch(/build with Go: /);
    expect(error.message).toMatch(/KSERVE_MMS_ENVTEST_INDEX/);
  });

  it.each<[string, MirrorFaults, RegExp]>([
    ['a wrong checksum', { sha512: 'beef'.repeat(32) }, /not the file that the index describes/],
    ['an archive without kube-apiserver', { programs: ['etcd'] }, /holds no kube-apiserver/],
    ['a missing archive', { archiveStatus: 404 }, /HTTP 404/],
  ])('the cache is empty after %s', async (_what, faults, reason) => {
    await withMirror(faults);
    const { attempts } = await failure(options());
    expect(attempts.find(({ source }) => source === 'download')?.reason).toMatch(reason);
    expect(await readdir(join(work, 'cache'))).toEqual([]);
  });

  it.each([
    ['Go is not installed', undefined, /cannot run `go`/],
    [
      'the build fails',
      '[ "$1" = version ] || { echo no such module >&2; exit 1; }',
      /exit code 1: no such module/,
    ],
  ])('the reason says that %s', async (_what, go, reason) => {
    const environment = go === undefined ? { PATH: join(work, 'no-programs') } : await withGo(go);
    await mkdir(join(work, 'module'), { recursive: true });
    await writeFile(join(work, 'module', 'go.mod'), 'require k8s.io/kubernetes v1.36.3\n');
    const { attempts } = await failure(options({ environment }));
    expect(attempts.find(({ source }) => source === 'go-build')?.reason).toMatch(reason);
    expect(await readdir(join(work, 'cache'))).toEqual([]);
  });

  it('the error names a cache that is not writable', async () => {
    await withMirror();
    await writeFile(join(work, 'file'), '');
    const error = await failure(options({ cache: join(work, 'file', 'cache') }));
    expect(error.message).toMatch(/cannot be written: ENOTDIR/);
  });
});

describe('the lock of the cache', () => {
  it('is taken over from a process that no longer exists', async () => {
    await withMirror();
    const lock = join(work, 'cache', '.lock');
    await mkdir(lock, { recursive: true });
    await writeFile(
      join(lock, 'owner.json'),
      JSON.stringify({ pid: process.pid, startTime: 'before this boot' }),
    );
    expect(await findBinaries(options())).toMatchObject({ source: 'download' });
  });
});
