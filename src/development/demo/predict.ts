/** What a model server said to one request. */
export interface Prediction {
  readonly status: number;
  /** The predicted class; undefined unless the status is 200. */
  readonly value: number | undefined;
}

/** One request of the open inference protocol (V2) with one row of numbers; never rejects. */
export async function predict(baseUrl: string, model: string, row: readonly number[]): Promise<Prediction> {
  const input = { name: 'input', shape: [1, row.length], datatype: 'FP64', data: row };
  try {
    const response = await fetch(`${baseUrl}/v2/models/${model}/infer`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ inputs: [input] }),
      signal: AbortSignal.timeout(10_000),
    });
    const body = (await response.json()) as { outputs?: readonly { data: readonly number[] }[] };
    return { status: response.status, value: body.outputs?.[0]?.data[0] };
  } catch {
    return { status: 0, value: undefined };
  }
}

interface ConstantRequests {
  /** How many have been answered so far. */
  readonly asked: number;
  stop(): Promise<{ readonly asked: number; readonly failed: number }>;
}

/** Runs concurrent callers in a loop until stopped, and counts. */
export function predictConstantly(ask: () => Promise<Prediction>, callers: number): ConstantRequests {
  let stopped = false;
  let asked = 0;
  let failed = 0;
  const caller = async (): Promise<void> => {
    while (!stopped) {
      const { status } = await ask();
      asked += 1;
      if (status !== 200) failed += 1;
    }
  };
  const running = Promise.all(Array.from({ length: callers }, caller));
  return {
    get asked() {
      return asked;
    },
    async stop() {
      stopped = true;
      await running;
      return { asked, failed };
    },
  };
}
