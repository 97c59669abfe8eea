import { mkdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from '../../../src/development/controlplane/run-program.ts';
import { NODE_ADDRESS, SERVICE_RANGE } from './addresses.ts';

/**
 * What kubelet sets for the whole machine when it finds it otherwise. Files with these contents are put over them, in this
 * mount namespace only, so that it finds them so. Source: kubernetes pkg/util/sysctl, setupKernelTunables.
 */
const KERNEL_SETTINGS: Readonly<Record<string, string>> = {
  'vm/overcommit_memory': '1',
  'vm/panic_on_oom': '0',
  'kernel/panic': '10',
  'kernel/panic_on_oops': '1',
  'kernel/keys/root_maxkeys': '1000000',
  'kernel/keys/root_maxbytes': '25000000',
};

/** Directories that containerd, runc and kubelet use whatever they are told, and the machine's own must not see. */
const PRIVATE_DIRECTORIES = ['/run', '/var/lib/cni', '/var/log/containers'];

/** Makes those that the machine does not have, to be mounted over, and resolves with what removes them again. */
export async function makePrivateDirectories(): Promise<() => Promise<void>> {
  const made: string[] = [];
  for (const place of PRIVATE_DIRECTORIES) {
    if ((await mkdir(place, { recursive: true })) !== undefined) made.push(place);
  }
  return async () => {
    // One that somebody uses by now is not empty, and stays.
    for (const place of made) await rmdir(place).catch(() => undefined);
  };
}

/**
 * Makes the network and mount namespaces that this process is in into those of a node. They end with the last process in
 * them, and with them all addresses, interfaces, packet filters and mounts.
 */
export async function becomeNode(directory: string): Promise<void> {
  const ip = (...args: string[]) => runProgram({ command: 'ip', args });
  await ip('link', 'set', 'lo', 'up');
  await ip('address', 'add', `${NODE_ADDRESS}/32`, 'dev', 'lo');
  // A Service's address has to have a route before kube-proxy's rules send it somewhere else.
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
