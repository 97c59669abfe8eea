import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { readElf } from '../support/elf-needed.ts';
import { eventually } from '../support/eventually.ts';
import { directoryLines, fileList, memberLine, openImage } from '../support/image-archive.ts';
import type { OpenedImage } from '../support/image-archive.ts';
import { buildImage, runImage } from '../support/image-build.ts';
import type { BuiltImage } from '../support/image-build.ts';
import { report } from '../support/report.ts';
import { spawnInImage, unpackImage } from '../support/run-in-image.ts';
import type { ImageRoot } from '../support/run-in-image.ts';
import { cloneSources, copySources } from '../support/source-copy.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');
/** `UPDATE_GOLDENS=1` writes the lists of files again. Review the difference. */
const update = process.env['UPDATE_GOLDENS'] === '1';
const ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch;
const ELF_MACHINES = { amd64: 62, arm64: 183 };
const BUILD_TIMEOUT = 900_000;

let directory: string;
/** The images built from two copies of these sources. */
let first: BuiltImage;
let second: BuiltImage;
let image: OpenedImage;
let root: ImageRoot;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'image-test-'));
  await chmod(directory, 0o755);
  const copies = [join(directory, 'a'), join(directory, 'another-directory')] as const;
  await copySources(copies[0]);
  await cloneSources(...copies);
  first = await buildImage(copies[0], { umask: '022', env: { TZ: 'UTC', LC_ALL: 'C' } });
  const other = { umask: '077', env: { TZ: 'Asia/Tokyo', LC_ALL: 'C.UTF-8' } };
  second = await buildImage(copies[1], other);
  image = await openImage(first.archive);
  const packed = { archive: first.archive, layers: image.docker.Layers };
  root = await unpackImage(packed, directory, ['/mnt/models', '/mnt/configs', '/mnt/source']);
}, 2 * BUILD_TIMEOUT);
afterAll(() => rm(directory, { recursive: true, force: true }));

/** Starts a program in the image with its configuration; `command` replaces the entrypoint, as in a pod. */
function start(args: readonly string[], command: readonly string[] = image.config.config.Entrypoint) {
  const env = Object.fromEntries(image.config.config.Env.map((pair) => pair.split('=') as [string, string]));
  return spawnInImage(root, [...command, ...args], env);
}

async function run(args: readonly string[], command?: readonly string[]) {
  const child = start(args, command);
  const ended = Promise.all([once(child, 'exit'), text(child.stdout!), text(child.stderr!)]);
  const [[code], stdout, stderr] = await ended;
  return { code: code as number, stdout, stderr };
}

async function version(): Promise<string> {
  return (JSON.parse(await readFile(join(REPOSITORY, 'package.json'), 'utf8')) as { version: string })
    .version;
}

/** The content of a file in the image. */
function contentOf(path: string): string {
  return image.members.find(({ header }) => header.name === path)!.content.toString('utf8');
}

describe('the archive', () => {
  it('is byte for byte the same when the same commit is built in another directory', async () => {
    expect(first.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(second.digest).toBe(first.digest);
    expect((await readFile(second.archive)).equals(await readFile(first.archive))).toBe(true);
  });

  it('has the printed digest for registries and nodes', () => {
    expect(image.entry.digest).toBe(first.digest);
  });

  it('has the name that kubelet and docker look up for kserve-mms:<version>', async () => {
    expect(image.entry.annotations).toEqual({
      'io.containerd.image.name': `docker.io/library/kserve-mms:${await version()}`,
      'org.opencontainers.image.ref.name': await version(),
    });
    expect(image.docker.RepoTags).toEqual([`kserve-mms:${await version()}`]);
  });

  it('names its commit and the time of that commit', async () => {
    const { stdout } = await promisify(execFile)('git', ['-C', first.copy, 'rev-parse', 'HEAD']);
    const { created, architecture, os, config } = image.config;
    expect({ created, architecture, os }).toEqual({
      ...{ created: '2001-02-03T04:05:06Z', architecture: ARCHITECTURE, os: 'linux' },
    });
    expect(config.Labels).toMatchObject({
      'org.opencontainers.image.revision': stdout.trim(),
      'org.opencontainers.image.version': await version(),
      'org.opencontainers.image.licenses': 'Apache-2.0',
    });
  });

  it('has the entrypoint, environment and user of the Dockerfile', async () => {
    const lines = (await readFile(join(REPOSITORY, 'Dockerfile'), 'utf8')).split('\n');
    const said = (word: string) =>
      lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
    const { Entrypoint, Env, User } = image.config.config;
    expect([JSON.parse(said('ENTRYPOINT')[0]!), said('ENV'), said('USER')]).toEqual([
      Entrypoint,
      Env,
      [User],
    ]);
  });
});

describe.each(['amd64', 'arm64'] as const)('the files for %s', (architecture) => {
  let place: string;
  beforeAll(async () => {
    place = join(directory, `rootfs-${architecture}`);
    const made = await runImage(first.copy, ['--rootfs', place, '--platform', `linux/${architecture}`]);
    if (made.code !== 0) throw new Error(made.stderr);
  }, BUILD_TIMEOUT);

  it('match the checked-in list, in the archive and in the root filesystem for the Dockerfile', async () => {
    const golden = join(import.meta.dirname, 'goldens', `image-files-${architecture}.txt`);
    const list = fileList(await directoryLines(place));
    if (update) await writeFile(golden, list);
    expect(list).toBe(await readFile(golden, 'utf8'));
    if (architecture === ARCHITECTURE) expect(fileList(image.members.map(memberLine))).toBe(list);
  });

  it('include every shared library that Node needs, for that processor', async () => {
    const files = await readdir(place, { recursive: true, withFileTypes: true });
    const libraries = files.filter(({ name }) => name.includes('.so'));
    const present = new Set(libraries.map(({ name }) => name));
    const objects = libraries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name));
    for (const object of [join(place, 'usr/local/bin/node'), ...objects]) {
      const { machine, needed } = readElf(await readFile(object));
      expect({ object, machine, missing: needed.filter((library) => !present.has(library)) }).toEqual({
        ...{ object, machine: ELF_MACHINES[architecture], missing: [] },
      });
    }
  });
});

describe('the content of the image', () => {
  it('belongs to root; no other user may write to it or become root by it', () => {
    const wrong = image.members.filter(
      ({ header: { uid, gid, mode, type } }) =>
        uid !== 0 || gid !== 0 || (mode & 0o6000) !== 0 || (type !== 'symlink' && (mode & 0o022) !== 0),
    );
    expect(wrong.map(({ header }) => header.name)).toEqual([]);
  });

  it('has one executable program and no shell', () => {
    const programs = image.members.filter(
      ({ header: { name, type, mode } }) =>
        type === 'file' && (mode & 0o111) !== 0 && !/^lib\/[^/]+\/(ld-linux|libc\.so)/.test(name),
    );
    expect(programs.map(({ header }) => header.name)).toEqual(['usr/local/bin/node']);
  });

  it("is listed in the bill of materials, with npm's facts, beside the image and in it", async () => {
    interface Component {
      readonly purl: string;
      readonly group?: string;
      readonly name: string;
      readonly version: string;
      readonly hashes: unknown;
      readonly licenses: unknown;
    }
    const componentsOf = (bill: string) => (JSON.parse(bill) as { components: Component[] }).components;
    const facts = ({ purl, hashes, licenses }: Component) => ({ purl, hashes, licenses });
    const beside = await readFile(first.sbom, 'utf8');
    expect(contentOf('app/sbom.cdx.json')).toBe(beside);
    const args = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'];
    const { stdout } = await promisify(execFile)('npm', args, { cwd: first.copy, maxBuffer: 64 * 1024 ** 2 });
    const byNpm = new Map(componentsOf(stdout).map((one) => [one.purl, facts(one)]));
    const ours = componentsOf(beside).filter(({ purl }) => /^pkg:npm\/(?!node-linux)/.test(purl));
    expect(ours.length).toBeGreaterThan(50);
    for (const one of ours) {
      expect(facts(one)).toEqual(byNpm.get(one.purl));
      const name = one.group === undefined ? one.name : `${one.group}/${one.name}`;
      expect(contentOf('app/THIRD-PARTY-NOTICES')).toContain(`${name} ${one.version} (`);
    }
  });
});

describe('run as an ordinary user with a read-only root filesystem', () => {
  it('starts the agent by default', async () => {
    expect(await run(['--version'])).toEqual({ code: 0, stdout: `${await version()}\n`, stderr: '' });
    expect((await run(['--help'])).stdout).toMatch(/^Usage: agent /);
  });

  it("starts every command with the command of the manager's Deployment", async () => {
    const manifest = await readFile(join(REPOSITORY, 'manifests/manager/deployment.yaml'), 'utf8');
    const { spec } = parse(manifest) as {
      spec: { template: { spec: { containers: { command: string[] }[] } } };
    };
    const { command } = spec.template.spec.containers[0]!;
    expect(await run(['--version'], command)).toEqual({
      code: 0,
      stdout: `${await version()}\n`,
      stderr: '',
    });
    const manager = await run(['manager'], command);
    expect(manager).toMatchObject({ code: 2, stdout: '' });
    expect(manager.stderr).toMatch(/^mms: there is no cluster to talk to/);
  });

  it('has an unprivileged user and group, and writes only to its volumes', async () => {
    const script = `const { writeFileSync } = require('node:fs'); const tried = {};
      for (const place of ['/', '/app', '/etc', '/usr/local/bin', '/mnt/models'])
        try { writeFileSync(place + '/stray', ''); tried[place] = 'written'; } catch ({ code }) { tried[place] = code; }
      console.log(JSON.stringify({ uid: process.getuid(), gid: process.getgid(), tried }))`;
    const { stdout } = await run(['-e', script], ['node']);
    const refused = { '/': 'EROFS', '/app': 'EROFS', '/etc': 'EROFS', '/usr/local/bin': 'EROFS' };
    expect(JSON.parse(stdout)).toEqual({
      ...{ uid: 65532, gid: 65532, tried: { ...refused, '/mnt/models': 'written' } },
    });
  });

  it('serves, fetches a model in its second process, and ends on SIGTERM', async () => {
    const { '/mnt/source': source, '/mnt/configs': configs, '/mnt/models': models } = root.mounts;
    await mkdir(join(source!, 'iris'));
    await writeFile(join(source!, 'iris', 'model.txt'), 'iris');
    const modelSpec = { storageUri: 'file:///mnt/source/iris', framework: 'sklearn', memory: '1Mi' };
    await writeFile(join(configs!, 'models.json'), JSON.stringify([{ modelName: 'iris', modelSpec }]));
    const began = performance.now();
    const ports = ['--port=0', '--status-port=0', '--component-port=1', '--drain-seconds=1'];
    const agent = start(['--enable-puller', ...ports, '--file-root=/mnt/source']);
    let output = '';
    for (const stream of [agent.stdout!, agent.stderr!]) {
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    }
    const exited = once(agent, 'exit');
    try {
      const health = await eventually(async () => {
        const port = /"statusPort":(\d+)/.exec(output)?.[1];
        if (port === undefined) throw new Error(`the agent does not serve: ${output}`);
        const answer = await fetch(`http://127.0.0.1:${port}/healthz`);
        await answer.arrayBuffer();
        return answer.status;
      });
      const healthyMs = performance.now() - began;
      expect(health).toBe(200);
      await eventually(async () => {
        const files = await readdir(join(models!, 'iris'));
        if (!files.some((file) => file.startsWith('SUCCESS.'))) throw new Error(`${files.join()}: ${output}`);
      });
      const archiveMiB = (await stat(first.archive)).size / 1024 ** 2;
      const bytes = image.members.reduce((sum, { content }) => sum + content.length, 0);
      report('the image', { archiveMiB, unpackedMiB: bytes / 1024 ** 2, agentHealthyMs: healthyMs });
    } finally {
      agent.kill('SIGTERM');
    }
    expect(await exited).toEqual([0, null]);
  });
});

describe('the build refuses, with the reason,', () => {
  it('sources that are not committed', async () => {
    const forgotten = join(second.copy, 'forgotten.txt');
    await writeFile(forgotten, '');
    const refused = await runImage(second.copy, []);
    await rm(forgotten);
    expect(refused).toMatchObject({ code: 1, digest: '' });
    expect(refused.stderr).toMatch(/not what is committed[^]*forgotten\.txt[^]*--allow-dirty/);
  });

  it.each<[string, string[], Record<string, string>, number, RegExp]>([
    [
      'another platform',
      ['--platform', 'windows/amd64'],
      {},
      1,
      /windows\/amd64[^]*linux\/amd64, linux\/arm64/,
    ],
    ['an unknown option', ['--plattform=x'], {}, 2, /--plattform[^]*npm run image -- \[--platform/],
    ['an invalid time', [], { SOURCE_DATE_EPOCH: 'yesterday' }, 2, /SOURCE_DATE_EPOCH.*"yesterday"/],
    ['to overwrite a directory', ['--rootfs', 'src'], {}, 2, /src is not empty/],
    [
      'to build outside of a repository',
      [],
      { GIT_DIR: '/nonexistent' },
      1,
      /git does not say which commit[^]*in a clone/,
    ],
  ])('%s', async (_what, args, env, code, message) => {
    const refused = await runImage(second.copy, args, { env });
    expect(refused).toMatchObject({ code, digest: '', stderr: expect.stringMatching(message) });
  });
});
