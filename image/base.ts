import { readFile } from 'node:fs/promises';
import type { Architecture } from './platform.ts';

/** What lies under the program: Node and the libraries it needs, each pinned to the byte. */
export interface Base {
  readonly node: {
    readonly version: string;
    readonly packages: Readonly<Record<Architecture, NodePackage>>;
  };
  readonly debian: {
    /** Of /etc/os-release. */
    readonly release: string;
    readonly packages: readonly DebianPackage[];
  };
}

/** The npm package with Node's own build for a platform. */
export interface NodePackage {
  readonly name: string;
  /** Subresource integrity, as npm has it. */
  readonly integrity: string;
}

export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  /** Of the .deb file, in hex. */
  readonly sha256: Readonly<Record<Architecture, string>>;
}

/** Reads base.json, which is part of this repository. */
export async function readBase(): Promise<Base> {
  return JSON.parse(await readFile(new URL('base.json', import.meta.url), 'utf8')) as Base;
}
