import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { cp, mkdir } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import process from 'node:process';
import { gzipSync } from 'node:zlib';
import { cacheDirectory } from '../../src/cli/binary-options.ts';
import { freePorts } from '../../src/development/controlplane/ports.ts';
import { pythonEnvironment } from '../../src/development/demo/python-environment.ts';
import { exists } from './exists.ts';
import { tar } from './tar-writer.ts';

const VERSION = '0.7.0';
/** This package contains Triton 2.51 and its Python backend. Of its dependencies, the models here need only numpy. */
const REQUIREMENTS = ['--no-deps', `nvidia-pytriton==${VERSION}`, 'numpy==1.26.4'];

interface Triton {
  readonly python: string;
  /** Site packages: `pytriton/tritonserver` and the libraries it is linked with. */
  readonly packages: string;
}

/**
 * Installs about 55 MB from PyPI, once. @throws when Python cannot install it: the agent's tests need a real Triton
 */
export async function testTriton(): Promise<Triton> {
  const found = await pythonEnvironment({
    ...{ name: 'triton', version: VERSION, requirements: REQUIREMENTS },
    what: `Triton of nvidia-pytriton ${VERSION}`,
    cache: cacheDirectory(process.env),
    environment: process.env,
    progress: (line) => void process.stderr.write(`${line}\n`),
  });
  if (found.kind === 'unavailable') {
    throw new Error(`Triton cannot be had; Python 3.11 with pip and venv is needed. ${found.reason}`);
  }
  const packages = join(found.directory, 'lib/python3.11/site-packages');
  const backend = join(packages, 'pytriton/tritonserver/backends/python');
  const stub = join(backend, 'triton_python_backend_stub');
  const source = join(packages, 'pytriton/tritonserver/python_backend_stubs/3.11/triton_python_backend_stub');
  if (!(await exists(stub))) await cp(source, stub);
  return { python: found.python, packages };
}

export interface TestTriton {
  readonly port: number;
  readonly grpcPort: number;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same ports. */
  restart(): Promise<void>;
}

/** Starts Triton as KServe's runtime does (config/runtimes/kserve-tritonserver.yaml), without waiting for it. */
export async function startTriton(modelDir: string): Promise<TestTriton> {
  const { python, packages } = await testTriton();
  await mkdir(modelDir, { recursive: true });
  const [port = 0, grpcPort = 0] = await freePorts(2);
  const home = join(packages, 'pytriton/tritonserver');
  const args = [`--model-store=${modelDir}`, '--model-control-mode=explicit', '--allow-metrics=false'];
  args.push(`--http-port=${port}`, '--http-address=127.0.0.1');
  args.push(`--grpc-port=${grpcPort}`, '--grpc-address=127.0.0.1');
  args.push(`--backend-directory=${join(home, 'backends')}`, '--disable-auto-complete-config');
  const log = createWriteStream(join(dirname(modelDir), 'triton.log'), { flags: 'a' });
  await once(log, 'open');
  const start = () =>
    spawn(join(home, 'bin/tritonserver'), args, {
      env: {
        // Python models use the packages of the first python3 in the PATH.
        PATH: [dirname(python), process.env['PATH']].join(delimiter),
        LD_LIBRARY_PATH: join(packages, 'nvidia_pytriton.libs'),
      },
      stdio: ['ignore', log, log],
      detached: true,
    });
  let child = start();
  return {
    port,
    grpcPort,
    restart: () => {
      child = start();
      return Promise.resolve();
    },
    kill: async (signal) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      process.kill(-(child.pid ?? 0), signal);
      await exited;
    },
  };
}

const CONFIG = `
backend: "python"
max_batch_size: 0
input [{ name: "x" data_type: TYPE_FP32 dims: [ 1 ] }]
output [{ name: "y" data_type: TYPE_FP32 dims: [ 1 ] }]
version_policy { all { } }
instance_group [{ kind: KIND_CPU }]
`;
const ensembleConfig = (part: string): string => `
platform: "ensemble"
max_batch_size: 0
input [{ name: "x" data_type: TYPE_FP32 dims: [ 1 ] }]
output [{ name: "y" data_type: TYPE_FP32 dims: [ 1 ] }]
ensemble_scheduling { step [{
  model_name: "${part}" model_version: -1
  input_map { key: "x" value: "x" } output_map { key: "y" value: "y" }
}] }
`;
const model = (answer: number): string => `
import numpy as np
import triton_python_backend_utils as pb
class TritonPythonModel:
    def execute(self, requests):
        y = lambda: pb.Tensor("y", np.array([${answer}], dtype=np.float32))
        return [pb.InferenceResponse(output_tensors=[y()]) for _ in requests]
`;

/** A .tgz of a model whose versions answer these numbers; `broken` is one that Triton refuses. */
export function tritonModel(versions: Readonly<Record<number, number | 'broken'>>): Buffer {
  return gzipSync(
    tar([
      { name: 'config.pbtxt', body: CONFIG },
      ...Object.entries(versions).map(([version, answer]) => ({
        name: `${version}/model.py`,
        body: answer === 'broken' ? 'raise RuntimeError("made to fail")' : model(answer),
      })),
    ]),
  );
}

/** A .tgz of an ensemble with one part. Its version is an empty directory. */
export function tritonEnsemble(part: string): Buffer {
  return gzipSync(
    tar([
      { name: 'config.pbtxt', body: ensembleConfig(part) },
      { name: '1/', type: '5' },
    ]),
  );
}
