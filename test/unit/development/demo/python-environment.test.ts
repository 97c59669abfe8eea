import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pythonEnvironment } from '../../../../src/development/demo/python-environment.ts';
import { milliseconds } from '../../../../src/lib/clock.ts';

/** Creates an environment whose pip waits for a file, as if it downloaded half a gigabyte. */
const PYTHON = `#!/bin/sh
mkdir -p "$3/bin"
printf '#!/bin/sh\\nuntil [ -e "$GO" ]; do sleep 0.01; done\\n' > "$3/bin/pip"
chmod +x "$3/bin/pip"
`;

describe('a Python environment', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kserve-mms-python-'));
    await mkdir(join(directory, 'programs'));
    const python = join(directory, 'programs', 'python3');
    await writeFile(python, PYTHON);
    await chmod(python, 0o755);
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('repeatedly reports its installation', async () => {
    const go = join(directory, 'go');
    const said: string[] = [];
    const options = {
      ...{ cache: directory, name: 'n', version: '1', requirements: ['r==1'], what: 'R 1' },
      environment: { ...process.env, PATH: `${join(directory, 'programs')}:${process.env['PATH']}`, GO: go },
      every: milliseconds(5),
      progress: (line: string) => {
        said.push(line);
        if (said.length === 3) void writeFile(go, '');
      },
    };
    expect(await pythonEnvironment(options)).toMatchObject({ kind: 'ready' });
    expect(said.slice(0, 3)).toEqual([
      'installing R 1 with Python (some 40 s, once) …',
      expect.stringMatching(/^ {2}… R 1: \d+ s$/),
      expect.stringMatching(/^ {2}… R 1: \d+ s$/),
    ]);
    // It is already installed the second time.
    const before = said.length;
    expect(await pythonEnvironment(options)).toMatchObject({ kind: 'ready' });
    expect(said).toHaveLength(before);
  });
});
