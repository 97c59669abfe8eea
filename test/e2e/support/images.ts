import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory } from '../../../src/cli/binary-options.ts';
import { isExecutable } from '../../../src/development/controlplane/binary-cache.ts';
import type { Progress } from '../../../src/development/controlplane/progress.ts';
import { runProgram } from '../../../src/development/controlplane/run-program.ts';
import { mlserverEnvironment } from '../../../src/development/demo/mlserver-environment.ts';
import { exists } from '../../support/exists.ts';
import { KSERVE_VERSION } from '../../support/kserve-programs.ts';
import { testSklearnserver } from '../../support/sklearnserver.ts';
import { writeOciArchive } from './oci-archive.ts';

export const PAUSE_IMAGE = 'docker.io/library/kserve-mms-test-pause:1';
/** The name that manifests/runtimes uses. */
export const MLSERVER_IMAGE = 'docker.io/seldonio/mlserver:1.7.1';

export const SKLEARNSERVER_IMAGE = `docker.io/kserve/sklearnserver:${KSERVE_VERSION}`;

const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url));

/** The archive of our own image, built from the working tree. */
export async function ownImage(environment: NodeJS.ProcessEnv, progress: Progress): Promise<string> {
  progress('making our image (npm run image)');
  const output = join(REPOSITORY, 'test-results', 'image');
  await rm(output, { recursive: true, force: true });
  await runProgram({
    command: process.execPath,
    args: [join(REPOSITORY, 'image', 'main.ts'), '--allow-dirty', '--output', output],
    environment,
  });
  const archive = (await readdir(output)).find((name) => name.endsWith('.tar'));
  if (archive === undefined) throw new Error(`npm run image left no archive in ${output}`);
  return join(output, archive);
}

/** The process of a pod's sandbox, which holds the pod's network namespace and does nothing else. */
const PAUSE = `package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	<-ended
}
`;

/** The archive of the sandbox image, built with Go into the cache. */
export async function pauseImage(environment: NodeJS.ProcessEnv, progress: Progress): Promise<string> {
  const output = join(cacheDirectory(environment), 'e2e', 'pause.tar');
  if (await exists(output)) return output;
  progress('building the sandbox image');
  const work = await mkdtemp(join(tmpdir(), 'kserve-mms-pause-'));
  try {
    const source = join(work, 'pause.go');
    await writeFile(source, PAUSE);
    await mkdir(join(work, 'root'));
    await runProgram({
      command: 'go',
      args: ['build', '-trimpath', '-ldflags', '-s -w', '-o', join(work, 'root', 'pause'), source],
      environment: { ...environment, CGO_ENABLED: '0' },
    });
    await writeOciArchive({
      name: PAUSE_IMAGE,
      files: { root: join(work, 'root'), paths: ['pause'] },
      config: { Entrypoint: ['/pause'], User: '65535' },
      output,
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return output;
}

/** Prints, as JSON, the files that the running Python needs: its own, its environment's, and their shared libraries. */
const LIST_FILES = `
import json, os, subprocess, sys, sysconfig
stdlib = sysconfig.get_path("stdlib", vars={"base": sys.base_prefix, "installed_base": sys.base_prefix})
binary = os.path.realpath(sys.executable)
link, binaries = sys.executable, {binary}
while os.path.islink(link):
    link = os.path.normpath(os.path.join(os.path.dirname(link), os.readlink(link)))
    binaries.add(link)
objects = [binary]
for top in (stdlib, sys.prefix):
    for directory, _, names in os.walk(top):
        objects += [os.path.join(directory, name) for name in names if ".so" in name]
libraries = set()
for start in range(0, len(objects), 200):
    found = subprocess.run(["ldd", *objects[start:start + 200]], capture_output=True, text=True).stdout
    for line in found.splitlines():
        words = line.replace("=>", " ").split()
        libraries |= {word for word in words if word.startswith("/") and not word.endswith(":")}
outside = [l for l in sorted(libraries) if not os.path.normpath(l).startswith((stdlib + "/", sys.prefix + "/"))]
print(json.dumps({"paths": [sys.prefix, stdlib, *sorted(b for b in binaries if not b.startswith(sys.prefix + "/"))],
                  "libraries": outside, "stdlib": stdlib.lstrip("/")}))
`;

/** The archive of an MLServer image with the environment that the demo and the agent's tests use. */
export async function mlserverImage(environment: NodeJS.ProcessEnv, progress: Progress): Promise<string> {
  const cache = cacheDirectory(environment);
  const output = join(cache, 'e2e', 'seldonio-mlserver-1.7.1.tar');
  const mlserver = await mlserverEnvironment({ cache, environment, progress });
  if (mlserver.kind === 'unavailable') {
    throw new Error(
      `MLServer cannot be had; Python 3.9 to 3.12 with pip and venv is needed. ${mlserver.reason}`,
    );
  }
  if ((await exists(output)) && (await isExecutable(mlserver.python))) return output;
  progress('packing MLServer and its Python into an image (half a minute, once)');
  return packPython({
    ...{ name: MLSERVER_IMAGE, python: mlserver.python, environment, output },
    // The entrypoint of MLServer's own image.
    entrypoint: [mlserver.mlserver, 'start', '/mnt/models'],
    // KServe's runtime sets the directories of models. MLServer writes other files to its working directory.
    env: ['MLSERVER_LOAD_MODELS_AT_STARTUP=false'],
  });
}

/** The archive of an image of KServe's own sklearnserver with the environment that the agent's tests use. */
export async function sklearnserverImage(
  environment: NodeJS.ProcessEnv,
  progress: Progress,
): Promise<string> {
  const output = join(cacheDirectory(environment), 'e2e', `kserve-sklearnserver-${KSERVE_VERSION}.tar`);
  const { python, environment: its } = await testSklearnserver();
  if ((await exists(output)) && (await isExecutable(python))) return output;
  progress("packing KServe's sklearnserver and its Python into an image (half a minute, once)");
  const sources = its['PYTHONPATH'] ?? '';
  return packPython({
    ...{ name: SKLEARNSERVER_IMAGE, python, environment, output },
    more: sources.split(':'),
    entrypoint: [python, '-m', 'sklearnserver'],
    env: [`PYTHONPATH=${sources}`, 'PYTHONDONTWRITEBYTECODE=1'],
  });
}

interface PythonImage {
  readonly name: string;
  readonly python: string;
  /** The files it needs beside Python and its environment. */
  readonly more?: readonly string[];
  readonly entrypoint: readonly string[];
  readonly env: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly output: string;
}

async function packPython(image: PythonImage): Promise<string> {
  const { name, python, more = [], entrypoint, env, environment, output } = image;
  const listed = JSON.parse(await runProgram({ command: python, args: ['-c', LIST_FILES], environment })) as {
    paths: string[];
    libraries: string[];
    stdlib: string;
  };
  await writeOciArchive({
    name,
    files: {
      paths: [...listed.paths, ...more],
      // Omits the parts of Python that it does not need and the tests of every package, a third of the size.
      exclude: [`${listed.stdlib}/site-packages`, `${listed.stdlib}/test`, '*/tests', '*/site-packages/pip'],
      dereferenced: listed.libraries,
      places: ['/tmp'],
    },
    config: {
      Entrypoint: [...entrypoint],
      Env: ['PATH=/usr/bin:/bin', 'HOME=/tmp', ...env],
      User: '65532',
      WorkingDir: '/tmp',
    },
    output,
  });
  return output;
}
