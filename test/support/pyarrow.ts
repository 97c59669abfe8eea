import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { cacheDirectory } from '../../src/cli/binary-options.ts';
import { pythonEnvironment } from '../../src/development/demo/python-environment.ts';

const VERSION = '21.0.0';

/** A Parquet file as read by pyarrow, which pandas, PySpark and most notebooks use. */
export interface ArrowTable {
  /** Name and type of each column. */
  readonly columns: readonly (readonly [name: string, type: string])[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

const READ = `
import json, sys
import pyarrow.parquet as parquet
tables = [parquet.read_table(path) for path in sys.argv[1:]]
print(json.dumps([
    {"columns": [[field.name, str(field.type)] for field in table.schema], "rows": table.to_pylist()}
    for table in tables
]))
`;

/**
 * The Python that has pyarrow. It is installed first if it is missing.
 * @throws when it cannot be installed
 */
export async function pyarrow(): Promise<string> {
  const found = await pythonEnvironment({
    ...{ name: 'pyarrow', version: VERSION, requirements: [`pyarrow==${VERSION}`] },
    what: `pyarrow ${VERSION}`,
    cache: cacheDirectory(process.env),
    environment: process.env,
    progress: (line) => void process.stderr.write(`${line}\n`),
  });
  if (found.kind === 'unavailable')
    throw new Error(`pyarrow cannot be had; Python 3.9 to 3.13 with pip and venv is needed. ${found.reason}`);
  return found.python;
}

/**
 * Reads Parquet files with pyarrow, in the given order.
 * @throws when Python cannot install it, or a file is not valid Parquet
 */
export async function readByPyarrow(files: readonly Buffer[]): Promise<ArrowTable[]> {
  const python = await pyarrow();
  const directory = await mkdtemp(join(tmpdir(), 'kserve-mms-parquet-'));
  try {
    const paths = files.map((_, index) => join(directory, `${index}.parquet`));
    for (const [index, file] of files.entries()) await writeFile(paths[index] ?? '', file);
    const options = { maxBuffer: 256 * 1024 ** 2 };
    const { stdout } = await promisify(execFile)(python, ['-c', READ, ...paths], options);
    return JSON.parse(stdout) as ArrowTable[];
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
