import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { freePorts } from '../../../src/development/controlplane/ports.ts';
import { processMemoryAt } from '../../../src/agent/model-server/process-memory.ts';

const MIB = 1024 * 1024;
const HELD_MIB = 64;
/** Each process of the family allocates this much. The first one listens. */
const FAMILY = `
const [port, generations] = process.argv.slice(1).map(Number);
globalThis.held = Buffer.alloc(${HELD_MIB} * ${MIB}, 1);
const say = () => process.stdout.write('up\\n');
const grown = () => {
  if (generations < 2) return say();
  const child = require('node:child_process').spawn(process.execPath, ['-e', process.env.FAMILY, '0', String(generations - 1)]);
  child.stdout.once('data', say);
};
if (port > 0) require('node:net').createServer().listen(port, '127.0.0.1', grown);
else { setInterval(() => undefined, 1000); grown(); }
`;

describe('the memory of the process behind a port', () => {
  const started: ChildProcess[] = [];
  afterEach(() => {
    for (const child of started.splice(0)) process.kill(-(child.pid ?? 0), 'SIGKILL');
  });

  async function family(port: number, generations: number): Promise<ChildProcess> {
    const args = ['-e', FAMILY, String(port), String(generations)];
    const child = spawn(process.execPath, args, { env: { ...process.env, FAMILY }, detached: true });
    started.push(child);
    await once(child.stdout, 'data');
    return child;
  }

  it('includes all descendants, follows a restart, and is undefined when no process listens', async () => {
    const [port = 0] = await freePorts(1);
    const memory = processMemoryAt(port);
    expect(await memory()).toBeUndefined();
    const first = await family(port, 3);
    const three = (await memory()) ?? 0;
    expect(three).toBeGreaterThan(3 * HELD_MIB * MIB);
    process.kill(-(first.pid ?? 0), 'SIGKILL');
    started.pop();
    await once(first, 'exit');
    await family(port, 1);
    const one = (await memory()) ?? 0;
    expect(one).toBeGreaterThan(HELD_MIB * MIB);
    expect(one).toBeLessThan(three - HELD_MIB * MIB);
  });

  it('is read without additional memory for many processes', async () => {
    const [port = 0] = await freePorts(1);
    const memory = processMemoryAt(port);
    await family(port, 3);
    await memory();
    const spies = (['allocUnsafe', 'allocUnsafeSlow'] as const).map((name) => jest.spyOn(Buffer, name));
    expect(await memory()).toBeGreaterThan(3 * HELD_MIB * MIB);
    const taken = spies.flatMap(({ mock }) => mock.calls.map(([size]) => size));
    for (const spy of spies) spy.mockRestore();
    expect(taken.reduce((sum, size) => sum + size, 0)).toBeLessThan(64 * 1024);
  });
});
