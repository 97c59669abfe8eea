import { mkdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from '../../../src/development/controlplane/run-program.ts';
import { NODE_ADDRESS, SERVICE_RANGE } from './addresses.ts';

/**
 * The settings that kubelet applies to the whole machine when they differ. Files with these contents are mounted over
 * them in this mount namespace, so that kubelet finds them applied. Source: kubernetes pkg/util/sysctl,
 * setupKernelTunables.
 */
const KERNEL_SETTINGS: Readonly<Record<string, string>> = {
  'vm/overcommit_memory': '1',
  'vm/panic_on_oom': '0',
  'kernel/panic': '10',
  'kernel/panic_on_oops': '1',
  'kernel/keys/root_maxkeys': '1000000',
  'kernel/keys/root_maxbytes': '25000000',
};

/**
 * Directories that containerd, runc and kubelet use regardless of their configuration. The machine's own must not
 * change.
 */
const PRIVATE_DIRECTORIES = ['/run', '/var/lib/cni', '/var/log/containers'];

/** Creates the missing directories as mount points. Resolves with a function that removes them again. */
export async function makePrivateDirectories(): Promise<() => Promise<void>> {
  const made: string[] = [];
  for (const place of PRIVATE_DIRECTORIES) {
    if ((await mkdir(place, { recursive: true })) !== undefined) made.push(place);
  }
  return async () => {
    // A directory that another program uses by now is not empty, and stays.
    for (const place of made) await rmdir(place).catch(() => undefined);
  };
}

/**
 * Turns the network and mount namespaces of this process into those of a node. They end with their last process, and
 * with them all addresses, interfaces, packet filters and mounts.
 */
export async function becomeNode(directory: string): Promise<void> {
  const ip = (...args: string[]) => runProgram({ command: 'ip', args });
  await ip('link', 'set', 'lo', 'up');
  await ip('address', 'add', `${NODE_ADDRESS}/32`, 'dev', 'lo');
  // A Service's address needs a route before kube-proxy's rules redirect it.
  await ip('route', 'add', SERVICE_RANGE, 'dev', 'lo', 'src', NODE_ADDRESS);
  await writeFile('/proc/sys/net/ipv4/ip_forward', '1');
  for (const place of PRIVATE_DIRECTORIES) {
    await mount('-t', 'tmpfs', '-o', 'mode=755', 'kserve-mms-e2e', place);
  }
  await mkdir('/run/lock', { recursive: true });
  const settings = join(directory, 'kernel-settings');
  await mkdir(settings);
  for (const [name, value] of Object.entries(KERNEL_SETTINGS)) {
    const file = join(settings, name.replaceAll('/', '.'));
    await writeFile(file, `${value}\n`);
    await mount('--bind', file, join('/proc/sys', name));
  }
}

function mount(...args: string[]): Promise<string> {
  return runProgram({ command: 'mount', args });
}
