import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { identifyProcess, isAlive } from '../../src/development/controlplane/process-identity.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');
/** Makes Node look too old to the launcher. The packaged Node is started without it. */
const OLD_NODE = [
  '--import',
  `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.9.0'}})`,
];

let installation: string;

beforeEach(async () => {
  installation = await mkdtemp(join(tmpdir(), 'launcher-test-'));
  await mkdir(join(installation, 'bin'));
  await copyFile(join(REPOSITORY, 'bin', 'mms.js'), join(installation, 'bin', 'mms.js'));
  await writeFile(join(installation, 'package.json'), '{"type":"module"}');
});
afterEach(() => rm(installation, { recursive: true }));

async function withMain(source: string): Promise<void> {
  await mkdir(join(installation, 'dist', 'bundle'), { recursive: true });
  await writeFile(join(installation, 'dist', 'bundle', 'main.js'), source);
}

async function withPackagedNode(): Promise<void> {
  await symlink(join(REPOSITORY, 'node_modules'), join(installation, 'node_modules'));
}

function launch(nodeArgs: string[], ...args: string[]): ChildProcess {
  return spawn(process.execPath, [...nodeArgs, join(installation, 'bin', 'mms.js'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function resultOf(child: ChildProcess) {
  const [[code, signal], stdout, stderr] = await Promise.all([
    once(child, 'exit'),
    text(child.stdout!),
    text(child.stderr!),
  ]);
  return { code: code as number | null, signal: signal as string | null, stdout, stderr };
}

/** Starts a program that prints its pid and then waits for its end. */
async function launchWaiting(onSignal = ''): Promise<{ launcher: ChildProcess; pid: number }> {
  await withPackagedNode();
  await withMain(`${onSignal}; console.log(process.pid); setInterval(() => {}, 1000);`);
  const launcher = launch(OLD_NODE);
  const [line] = (await once(launcher.stdout!, 'data')) as [Buffer];
  return { launcher, pid: Number(line.toString()) };
}

describe('the launcher on a supported Node', () => {
  it('runs the program itself, with its arguments', async () => {
    await withMain('console.log(process.ppid, ...process.argv.slice(2)); process.exitCode = 7;');
    const result = await resultOf(launch([], 'a', '--b=c d'));
    expect(result).toMatchObject({ code: 7, stdout: `${process.pid} a --b=c d\n`, stderr: '' });
  });

  it('says how to build when there is no build', async () => {
    const result = await resultOf(launch([]));
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toMatch(/not built yet[^]*npm ci && npm run build/);
  });
});

describe('the launcher on an older Node', () => {
  it('says what to do when there is no packaged Node', async () => {
    await withMain('console.log("started")');
    const result = await resultOf(launch(OLD_NODE));
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toMatch(/needs Node 22\.21[^]*npm ci/);
  });

  it('runs the program with the packaged Node and returns its exit code', async () => {
    await withPackagedNode();
    await withMain('console.log(process.argv.slice(2).join()); console.error("e"); process.exitCode = 3;');
    const result = await resultOf(launch(OLD_NODE, 'x', 'y z'));
    expect(result).toEqual({ code: 3, signal: null, stdout: 'x,y z\n', stderr: 'e\n' });
  });

  it('hides its channel from the program and its children', async () => {
    await withPackagedNode();
    await withMain('console.log(Object.keys(process.env).filter((n) => /CHANNEL|LAUNCHED/.test(n)).join());');
    expect(await resultOf(launch(OLD_NODE))).toMatchObject({ code: 0, stdout: '\n' });
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('forwards %s once', async (signal) => {
    const { launcher } = await launchWaiting(
      `let seen = 0; process.on('${signal}', () => { seen += 1; setTimeout(() => process.exit(40 + seen), 50); })`,
    );
    launcher.kill(signal);
    expect(await once(launcher, 'exit')).toEqual([41, null]);
  });

  it('ends with the signal that ended the program', async () => {
    const { launcher, pid } = await launchWaiting();
    process.kill(pid, 'SIGKILL');
    expect(await once(launcher, 'exit')).toEqual([null, 'SIGKILL']);
  });

  it('ends the program when it is killed', async () => {
    const { launcher, pid } = await launchWaiting();
    const program = await identifyProcess(pid);
    expect(program).toBeDefined();
    launcher.kill('SIGKILL');
    while (await isAlive(program!)) await sleep(10);
  });
});
