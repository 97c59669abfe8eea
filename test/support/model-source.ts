import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A web server of model files that can be made to fail. */
export interface ModelSource {
  /** The URI of a file called weights.txt that holds `content`, for any model of any version. */
  uri(content: string): string;
  /** Sets how a path is answered from now on; undefined: normally again. */
  misbehave(path: string, answer: Answer | undefined): void;
  readonly origin: string;
  readonly requests: string[];
  stop(): Promise<void>;
}

/** `/<anything>/weights.txt` answers with `<anything>`. */
export async function startModelSource(): Promise<ModelSource> {
  const bad = new Map<string, Answer>();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    requests.push(path);
    const answer = bad.get(path);
    if (answer !== undefined) {
      answer(request, response);
      return;
    }
    response.end(decodeURIComponent(path.split('/')[1] ?? ''));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    requests,
    uri: (content) => `${origin}/${encodeURIComponent(content)}/weights.txt`,
    misbehave: (path, answer) => {
      if (answer === undefined) bad.delete(path);
      else bad.set(path, answer);
    },
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
