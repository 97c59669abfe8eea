import type { Puller } from './contract.ts';
import type { FromPuller, ToPuller } from './messages.ts';

interface ServedPuller {
  receive(message: ToPuller): void;
  /** Cancels all pulls and cleans up after them. */
  stop(): Promise<void>;
}

/** Serves a puller over messages: the child's side of the forked puller. */
export function servePuller(
  create: (settings: Extract<ToPuller, { type: 'configure' }>['settings']) => Puller,
  send: (message: FromPuller) => void,
): ServedPuller {
  const aborts = new Map<number, AbortController>();
  let puller: Puller | undefined;

  const pull = async ({ pull: number, request }: Extract<ToPuller, { type: 'pull' }>): Promise<void> => {
    if (puller === undefined) return;
    const abort = new AbortController();
    aborts.set(number, abort);
    const result = await puller.pull(request, abort.signal, (progress) =>
      send({ type: 'progress', pull: number, progress }),
    );
    aborts.delete(number);
    send({ type: 'result', pull: number, result });
  };

  return {
    receive: (message) => {
      switch (message.type) {
        case 'configure':
          puller = create(message.settings);
          return;
        case 'pull':
          void pull(message);
          return;
        case 'abort':
          aborts.get(message.pull)?.abort();
          return;
      }
    },
    stop: async () => puller?.stop(),
  };
}
