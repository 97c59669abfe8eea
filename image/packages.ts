import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Base, DebianPackage } from './base.ts';
import { fetchPinned } from './pinned-file.ts';
import type { Platform } from './platform.ts';
import { outputOf } from './program.ts';
import { readTar } from './tar-files.ts';
import type { TarFile } from './tar-files.ts';

/** A Debian package taken apart. */
export interface OpenedPackage {
  readonly name: string;
  readonly version: string;
  /** Its fields (Package, Version, …), as dpkg keeps them. */
  readonly control: Buffer;
  readonly files: ReadonlyMap<string, TarFile>;
}

/** How npm is started: by npm itself, `npm_execpath` is set. */
export interface PackageTools {
  readonly cache: string;
  readonly npm: { readonly command: string; readonly args: readonly string[] };
}

/**
 * `bin/node` and `LICENSE` out of Node's own build for the platform, from the npm registry.
 * @throws {ImageError} PACKAGE_UNAVAILABLE, PACKAGE_CHANGED
 */
export async function fetchNode(
  base: Base,
  { architecture }: Platform,
  { cache, npm }: PackageTools,
): Promise<ReadonlyMap<string, TarFile>> {
  const { name, integrity } = base.node.packages[architecture];
  const spec = `${name}@${base.node.version}`;
  const tarball = await fetchPinned(
    {
      title: `the npm package ${spec}`,
      file: `${name}-${base.node.version}.tgz`,
      integrity,
      download: async (directory) => {
        await outputOf(npm.command, [...npm.args, 'pack', spec, '--pack-destination', directory], {
          cwd: directory,
        });
      },
      advice: 'It needs a package registry (npm config get registry).',
    },
    cache,
  );
  const wanted = new Set(['package/bin/node', 'package/LICENSE']);
  return readTar(createReadStream(tarball).pipe(createGunzip()), (path) => wanted.has(path));
}

/**
 * The pinned Debian packages for the platform, from where apt gets its packages; no root is needed.
 * @throws {ImageError} PACKAGE_UNAVAILABLE, PACKAGE_CHANGED
 */
export async function fetchDebian(
  base: Base,
  { architecture }: Platform,
  { cache }: PackageTools,
): Promise<OpenedPackage[]> {
  const opened: OpenedPackage[] = [];
  for (const pinned of base.debian.packages) {
    const file = `${pinned.name}_${pinned.version}_${architecture}.deb`;
    const deb = await fetchPinned(
      {
        title: `the Debian package ${pinned.name} ${pinned.version} (${architecture})`,
        file,
        integrity: `sha256-${Buffer.from(pinned.sha256[architecture], 'hex').toString('base64')}`,
        download: (directory) => aptDownload(pinned, architecture, { cache, directory }),
        advice:
          `It needs apt-get with Debian ${base.debian.release} among its sources. A version that these no longer have is ` +
          `kept by snapshot.debian.org; put the file into ${cache} as ${file}.`,
      },
      cache,
    );
    opened.push(await open(pinned, deb));
  }
  return opened;
}

/** With lists of its own: those of the machine may be of another processor, old, or absent. */
async function aptDownload(
  { name, version }: DebianPackage,
  architecture: string,
  { cache, directory }: { readonly cache: string; readonly directory: string },
): Promise<void> {
  const state = await mkdtemp(join(cache, 'apt-'));
  try {
    await mkdir(join(state, 'lists', 'partial'), { recursive: true });
    await mkdir(join(state, 'archives', 'partial'), { recursive: true });
    const options = [
      `Dir::State::lists=${join(state, 'lists')}`,
      `Dir::Cache=${state}`,
      `APT::Architecture=${architecture}`,
      `APT::Architectures=${architecture}`,
      // Started by root it would go on as _apt, who cannot write to the cache.
      'APT::Sandbox::User=root',
    ].flatMap((option) => ['-o', option]);
    await outputOf('apt-get', [...options, '-qq', 'update']);
    await outputOf('apt-get', [...options, 'download', `${name}=${version}`], { cwd: directory });
  } finally {
    await rm(state, { recursive: true, force: true });
  }
}

async function open({ name, version }: DebianPackage, deb: string): Promise<OpenedPackage> {
  const control = await outputOf('dpkg-deb', ['--field', deb]);
  const tar = await outputOf('dpkg-deb', ['--fsys-tarfile', deb]);
  return { name, version, control, files: await readTar(Readable.from([tar]), () => true) };
}
