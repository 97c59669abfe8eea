import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { freePorts } from '../../../../src/development/controlplane/ports.ts';
import { restartDelay, startRestartingChild } from '../../../../src/development/demo/restarting-child.ts';
import { systemClock } from '../../../../src/lib/system-clock.ts';
import { eventually } from '../../../support/eventually.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kserve-mms-restart-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** A server that responds with its process id. */
const SERVER = `require('node:http').createServer((_, response) => response.end(String(process.pid)))
  .listen(Number(process.argv[1]), '127.0.0.1', () => console.log('up'))`;

describe('a container of a local pod', () => {
  it('is restarted when it dies, reports it, keeps its log, and ends when it is stopped', async () => {
    const [port = 0] = await freePorts(1);
    const url = `http://127.0.0.1:${port}/`;
    const said: string[] = [];
    const logFile = join(directory, 'server.log');
    const pidFile = join(directory, 'pid');
    const child = await startRestartingChild(
      {
        ...{ what: 'the server', command: process.execPath, args: ['-e', SERVER, String(port)] },
        ...{ logFile, pidFile, readyUrl: url, clock: systemClock },
      },
      (line) => said.push(line),
    );
    try {
      const first = Number(await (await fetch(url)).text());
      process.kill(first, 'SIGKILL');
      await eventually(() => {
        expect(said).toEqual([
          `the server has ended (SIGKILL) and is started again now; its log is ${logFile}`,
          'the server is ready again',
        ]);
        return Promise.resolve();
      });
      const second = Number(await (await fetch(url)).text());
      expect(second).not.toBe(first);
      expect(await readFile(pidFile, 'utf8')).toBe(String(second));
      expect((await readFile(logFile, 'utf8')).match(/up/g)).toHaveLength(2);
    } finally {
      await child.stop();
    }
    await expect(fetch(url)).rejects.toThrow();
    expect(said).toHaveLength(2);
  });

  it('has the restart delays of kubelet', () => {
    const waits = Array.from({ length: 8 }, (_, restarts) => restartDelay(restarts) / 1000);
    expect(waits).toEqual([0, 10, 20, 40, 80, 160, 300, 300]);
  });
});
