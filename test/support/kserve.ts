import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import { freePorts } from '../../src/development/controlplane/ports.ts';
import { DEFAULT_CERTIFICATE_POLICY } from '../../src/certificates/certificate.decide.ts';
import { systemClock } from '../../src/lib/system-clock.ts';
import { certificateMaker, makeIssue } from '../../src/certificates/make-certificate.ts';
import { eventually } from './eventually.ts';
import type { KServePrograms } from './kserve-programs.ts';

/** KServe's own manager, in its own process. */
export interface TestKServe {
  readonly pid: number;
  /** Its webhook server, and the CA of its certificate. */
  readonly webhook: { readonly url: string; readonly caBundle: string };
  /** Its log so far. */
  log(): string;
  hasEnded(): boolean;
  kill(signal: NodeJS.Signals): Promise<void>;
}

export interface TestKServeOptions {
  /** The flags of KServe's manifests. With leader election it may wait for another holder while it serves webhooks. */
  readonly leaderElection?: boolean;
}

/**
 * Starts KServe's manager against a control plane prepared by installKServe, and waits until it is ready. It runs
 * outside of the cluster, so its webhooks have to be registered by URL.
 */
export async function startKServe(
  { kubeconfigPath, directory }: ControlPlane,
  { manager }: KServePrograms,
  { leaderElection = false }: TestKServeOptions = {},
): Promise<TestKServe> {
  const [webhook = 0, health = 0] = await freePorts(2);
  const temporary = join(directory, `kserve-${webhook}`);
  const caBundle = await servingCertificates(temporary);
  const args = [
    ...['--kubeconfig', kubeconfigPath, '--webhook-port', String(webhook), '--metrics-addr', '0'],
    ...['--health-probe-addr', `127.0.0.1:${health}`],
    ...(leaderElection ? ['--leader-elect'] : []),
  ];
  // It looks for its certificates below the directory for temporary files.
  const env = { ...process.env, TMPDIR: temporary, POD_NAMESPACE: 'kserve' };
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
  const child = leaderElection
    ? spawn('unshare', inOwnMounts(manager, args), { env, stdio })
    : spawn(manager, args, { env, stdio });
  const log = collected(child);
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  await eventually(async () => {
    if (hasEnded()) throw new Error(`KServe's manager ended: ${log()}`);
    const answer = await fetch(`http://127.0.0.1:${health}/readyz`, { signal: AbortSignal.timeout(2000) });
    if (!answer.ok) throw new Error(`KServe's manager is not ready: ${log()}`);
  }, 60_000);
  return {
    pid: child.pid ?? 0,
    webhook: { url: `https://127.0.0.1:${webhook}`, caBundle },
    log,
    hasEnded,
    async kill(signal) {
      if (hasEnded()) return;
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    },
  };
}

/**
 * controller-runtime reads the namespace of its lease from a file that only pods have. A separate mount namespace
 * gives this file to the process alone.
 */
function inOwnMounts(manager: string, args: readonly string[]): string[] {
  const place = '/run/secrets/kubernetes.io/serviceaccount';
  const script = `mount -t tmpfs tmpfs /run && mkdir -p ${place} && printf kserve > ${place}/namespace && exec "$@"`;
  return ['--map-root-user', '--mount', 'sh', '-ec', script, 'sh', manager, ...args];
}

/** Writes the certificates where controller-runtime looks for them. Resolves with the CA in base64. */
async function servingCertificates(temporary: string): Promise<string> {
  const directory = join(temporary, 'k8s-webhook-server', 'serving-certs');
  await mkdir(directory, { recursive: true });
  const maker = certificateMaker(systemClock, DEFAULT_CERTIFICATE_POLICY);
  const { authority, issue } = await makeIssue(maker, ['127.0.0.1', 'localhost']);
  await writeFile(join(directory, 'tls.crt'), issue.leaf.pem);
  await writeFile(join(directory, 'tls.key'), issue.leaf.key, { mode: 0o600 });
  return Buffer.from(authority.pem).toString('base64');
}

/** The end of its log, because five minutes of it are too long to be useful. */
function collected(child: ChildProcess): () => string {
  let text = '';
  const take = (chunk: Buffer): void => {
    text = (text + chunk.toString()).slice(-200_000);
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  return () => text;
}
