import { describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePorts } from '../../src/development/controlplane/ports.ts';
import { eventually } from '../support/eventually.ts';
import { startLoggedComponent } from '../support/log-requests.ts';
import { startOwnAgent } from '../support/own-agent.ts';

const PAGE = new URL('../../docs/logger.md', import.meta.url);
const TYPES = ['org.kubeflow.serving.inference.request', 'org.kubeflow.serving.inference.response'];

describe('the example sink in docs/logger.md', () => {
  it('prints a line for a request and one for its answer, with the same id', async () => {
    const [, code = ''] = /^```js\n([^]*?)^```$/m.exec(await readFile(PAGE, 'utf8')) ?? [];
    const [port = 0] = await freePorts(1);
    const directory = await mkdtemp(join(tmpdir(), 'kserve-mms-sink-'));
    const file = join(directory, 'sink.mjs');
    expect(code).toContain('.listen(8000)');
    await writeFile(file, code.replace('.listen(8000)', `.listen(${port})`));
    const sink = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines: string[] = [];
    createInterface({ input: sink.stdout }).on('line', (line) => lines.push(line));
    await eventually(async () => {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.destroy();
    });
    const component = await startLoggedComponent();
    const agent = await startOwnAgent(component.port, ['--log-url', `http://127.0.0.1:${port}/`]);
    try {
      const url = `http://127.0.0.1:${agent.port}/v1/models/iris:predict`;
      await (await fetch(url, { method: 'POST', body: '{"instances":[1]}' })).text();
      await eventually(() => {
        expect(lines).toHaveLength(2);
        return Promise.resolve();
      });
      const printed = lines.map((line) => line.split(' '));
      expect(printed.map(([type]) => type).sort()).toEqual(TYPES);
      expect(new Set(printed.map(([, id]) => id)).size).toBe(1);
      expect(printed.map(([, , body]) => body)).toEqual(['{"instances":[1]}', '{"instances":[1]}']);
    } finally {
      await agent.stop();
      component.close();
      sink.kill('SIGKILL');
      await rm(directory, { recursive: true });
    }
  });
});
