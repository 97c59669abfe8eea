import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addToCache } from './binary-cache.ts';
import { ProgramError } from './errors.ts';
import { reporting } from './progress.ts';
import type { Progress } from './progress.ts';
import { runProgram } from './run-program.ts';
import { formatVersion, parseReleaseVersion } from './version.ts';
import type { ReleaseVersion } from './version.ts';

/** A package that `go.mod` names as a tool, under the name its program goes by. */
export interface GoProgram {
  readonly program: string;
  readonly package: string;
  /** How long a first build took on two cores, in words. */
  readonly took: string;
}

const SERVERS: readonly GoProgram[] = [
  { program: 'etcd', package: 'go.etcd.io/etcd/server/v3', took: 'half a minute' },
  { program: 'kube-apiserver', package: 'k8s.io/kubernetes/cmd/kube-apiserver', took: 'five minutes' },
];
const KUBECTL: GoProgram = {
  program: 'kubectl',
  package: 'k8s.io/kubernetes/cmd/kubectl',
  took: 'one minute',
};

/** What a build needs to know. */
interface GoBuildRequest {
  readonly cache: string;
  /** The directory with the go.mod and go.sum that pin what is built. */
  readonly moduleDirectory: string;
  /** The environment `go` runs in: PATH, HOME, GOPROXY and the like. */
  readonly environment: NodeJS.ProcessEnv;
  readonly progress: Progress;
}

/**
 * Builds the programs from the Go module proxy into the cache and resolves with their directory.
 * @throws ProgramError when Go is missing or the build fails.
 */
export async function buildWithGo(request: GoBuildRequest): Promise<string> {
  const version = await pinnedKubernetes(request.moduleDirectory);
  await runProgram({ command: 'go', args: ['version'], environment: request.environment });
  const programs = (await kubectlInPath(version, request)) ? SERVERS : [...SERVERS, KUBECTL];
  return addToCache(request.cache, version, (directory, guardedDirectory) =>
    buildPrograms(programs, { ...request, version, directory, guardedDirectory }),
  );
}

/**
 * Whether the PATH has a kubectl that may talk to a server of this version: one minor version older or newer, by
 * https://kubernetes.io/releases/version-skew-policy/#kubectl.
 */
async function kubectlInPath(
  server: ReleaseVersion,
  { environment, progress }: Pick<GoBuildRequest, 'environment' | 'progress'>,
): Promise<boolean> {
  const args = ['version', '--client', '--output=json'];
  // A kubectl that picks its version by the cluster is not to ask one.
  const alone = { ...environment, KUBECONFIG: '/dev/null' };
  const output = await runProgram({ command: 'kubectl', args, environment: alone }).catch(() => '');
  // Vendors add to the version: v1.32.4-dispatcher, v1.33.1+k3s1.
  const [release = ''] = /v\d+\.\d+\.\d+/.exec(output) ?? [];
  const own = parseReleaseVersion(release);
  if (own === undefined) return false;
  if (own.major === server.major && Math.abs(own.minor - server.minor) <= 1) return true;
  progress(`kubectl ${release} of the PATH is too far from ${formatVersion(server)}: another one is built`);
  return false;
}

/** Where programs are built, and into which directory. */
interface ProgramsBuild extends Omit<GoBuildRequest, 'cache'> {
  readonly version: ReleaseVersion;
  readonly directory: string;
  /** Under guardDirectory: the builds end with this process. */
  readonly guardedDirectory: string;
}

/** Builds programs of the module, one after the other. @throws ProgramError */
export async function buildPrograms(programs: readonly GoProgram[], build: ProgramsBuild): Promise<void> {
  const environment = { ...build.environment, CGO_ENABLED: '0' };
  for (const { program, package: goPackage, took } of programs) {
    build.progress(`building ${program} with Go (a first build took ${took} on two cores)`);
    await reporting(program, build.progress, () =>
      runProgram({
        command: 'go',
        args: buildArguments(build.version, join(build.directory, program), goPackage),
        cwd: build.moduleDirectory,
        environment,
        guardedDirectory: build.guardedDirectory,
      }),
    );
  }
}

/**
 * Without the version linked in, the server calls itself `v0.0.0-master+$Format:%H$`, which kubectl cannot parse.
 * Source of the variables: k8s.io/component-base/version/base.go.
 */
function buildArguments(version: ReleaseVersion, output: string, goPackage: string): string[] {
  const variable = 'k8s.io/component-base/version';
  const stamps = [
    `-X ${variable}.gitVersion=${formatVersion(version)}`,
    `-X ${variable}.gitMajor=${version.major}`,
    `-X ${variable}.gitMinor=${version.minor}`,
  ];
  return ['build', '-trimpath', '-ldflags', ['-s -w', ...stamps].join(' '), '-o', output, goPackage];
}

/** The version of Kubernetes that the module builds. @throws ProgramError when its go.mod requires none. */
export async function pinnedKubernetes(moduleDirectory: string): Promise<ReleaseVersion> {
  return pinnedVersion(await readFile(join(moduleDirectory, 'go.mod'), 'utf8'));
}

/** The version of k8s.io/kubernetes that go.mod requires. @throws ProgramError when it requires none. */
function pinnedVersion(goMod: string): ReleaseVersion {
  const version = parseReleaseVersion(/^\s*(?:require )?k8s\.io\/kubernetes (\S+)/m.exec(goMod)?.[1] ?? '');
  if (version === undefined) throw new ProgramError('go.mod does not require a release of k8s.io/kubernetes');
  return version;
}
