import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { goModule } from './go-module.ts';
import { builtOnce, go } from './go-tool.ts';

/** The Go modules that pin each release and its dependencies. This repository contains no part of KServe itself. */
const MODULES = { 'v0.20.0': 'kserve', 'v0.17.0': 'kserve-v0.17' } as const;
type KServeVersion = keyof typeof MODULES;

const KSERVE_PACKAGE = 'github.com/kserve/kserve';

/** The release that the tests run. The environment variable of this name selects another one. */
export const KSERVE_VERSION = versionNamed(process.env['KSERVE_VERSION'] ?? 'v0.20.0');

/** KServe's own programs and files, for tests only. */
export interface KServePrograms {
  readonly manager: string;
  readonly agent: string;
  /** The directory of KServe's published Go module, with its CustomResourceDefinitions. */
  readonly module: string;
}

/**
 * KServe's manager and agent: from the cache, otherwise built from the Go module (about ten minutes on two cores,
 * once).
 * @throws when Go is missing or fails; the message says what to do.
 */
export async function kservePrograms(): Promise<KServePrograms> {
  const directory = await builtOnce(`kserve-${KSERVE_VERSION}`, ['manager', 'agent'], async (building) => {
    process.stderr.write(`building KServe ${KSERVE_VERSION} with Go, once; it takes some ten minutes\n`);
    const ends = showProgress();
    try {
      const packages = [`${KSERVE_PACKAGE}/cmd/manager`, `${KSERVE_PACKAGE}/cmd/agent`];
      await go(
        ['build', '-trimpath', '-ldflags', '-s -w', '-o', `${building}/`, ...packages],
        {},
        moduleOf(KSERVE_VERSION),
      );
    } finally {
      ends();
    }
  });
  return {
    manager: join(directory, 'manager'),
    agent: join(directory, 'agent'),
    module: await kserveModule(),
  };
}

/**
 * The directory of KServe's Go module with all of KServe's files, downloaded if missing.
 * @throws when Go is missing or fails; the message says what to do.
 */
export function kserveModule(): Promise<string> {
  return goModule(KSERVE_PACKAGE, KSERVE_VERSION);
}

function versionNamed(name: string): KServeVersion {
  if (Object.hasOwn(MODULES, name)) return name as KServeVersion;
  throw new Error(`KSERVE_VERSION is ${name}; it must be one of ${Object.keys(MODULES).join(', ')}`);
}

function moduleOf(version: KServeVersion): string {
  return fileURLToPath(new URL(`../../tools/${MODULES[version]}`, import.meta.url));
}

function showProgress(): () => void {
  const started = performance.now();
  const timer = setInterval(() => {
    process.stderr.write(`  … KServe: ${Math.round((performance.now() - started) / 1000)} s\n`);
  }, 15_000);
  return () => clearInterval(timer);
}
