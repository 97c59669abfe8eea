import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A runtime for MLServer with slow models, which serves concurrent requests and records models that are unloaded in
 * use.
 */
const RUNTIME = `
import asyncio, os
from mlserver import MLModel
from mlserver.types import InferenceResponse, ResponseOutput

class Slow(MLModel):
    busy = 0

    def told(self, name):
        return self.settings.parameters.extra[name]

    async def load(self):
        await asyncio.sleep(self.told("load"))
        return True

    async def predict(self, payload):
        self.busy += 1
        try:
            await asyncio.sleep(self.told("predict"))
        finally:
            self.busy -= 1
        answer = ResponseOutput(name="predict", shape=[1], datatype="INT64", data=[self.told("answer")])
        return InferenceResponse(model_name=self.name, outputs=[answer])

    async def unload(self):
        if self.busy > 0:
            with open(os.environ["UNLOADED_IN_USE"], "a") as notes:
                notes.write(f"{self.name} with {self.busy} requests\\n")
        return True
`;

/** The durations of a model in seconds, and its answer. */
export interface SlowModel {
  readonly answer: number;
  readonly load: number;
  readonly predict: number;
}

/** The directory with the runtime and its records. */
export interface SlowRuntime {
  readonly environment: Readonly<Record<string, string>>;
  /** One line for each model that was unloaded in use. */
  unloadedInUse(): Promise<readonly string[]>;
}

export async function slowRuntime(root: string): Promise<SlowRuntime> {
  const [directory, notes] = [join(root, 'runtime'), join(root, 'unloaded-in-use')];
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'slow.py'), RUNTIME);
  await writeFile(notes, '');
  return {
    environment: { PYTHONPATH: directory, UNLOADED_IN_USE: notes },
    unloadedInUse: async () => (await readFile(notes, 'utf8')).split('\n').filter((line) => line !== ''),
  };
}

/** The files of such a model: only settings. */
export function slowModelFile({ answer, load, predict }: SlowModel): string {
  const parameters = { extra: { answer, load, predict } };
  return JSON.stringify({ name: 'slow', implementation: 'slow.Slow', parameters });
}
