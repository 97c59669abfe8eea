import type { IncomingMessage } from 'node:http';

/** A longer request is refused: batches are held in memory. */
const MOST_BODY = 64 * 1024 ** 2;
/** So many bytes of all requests, from their first byte until they are answered. */
const MOST_TOGETHER = 128 * 1024 ** 2;

type Refusal = { readonly status: 413 | 503; readonly reason: string };

const TOO_LONG: Refusal = {
  status: 413,
  reason: 'the body is longer than 64 MiB, which is the most that is batched',
};
const NO_ROOM: Refusal = {
  status: 503,
  reason: 'there is no room: the bodies of requests that are batched hold 128 MiB together; try again later',
};

interface Reading {
  /** Calls back once, when the request is over, whichever way. */
  readonly onOver: (over: () => void) => void;
  /** The whole body. */
  readonly read: (body: Buffer) => void;
  /** The rest of the body is thrown away. */
  readonly refuse: (refusal: Refusal) => void;
}

/** Reads bodies whole, as long as each and all of them together are not too long. */
export function createBodyReader(): (incoming: IncomingMessage, reading: Reading) => void {
  let together = 0;
  return (incoming, { onOver, read, refuse }) => {
    const chunks: Buffer[] = [];
    let size = 0;
    onOver(() => {
      together -= size;
      size = 0;
    });
    const onEnd = (): void => read(Buffer.concat(chunks));
    const onData = (chunk: Buffer): void => {
      const refusal = refusalOf(size + chunk.length, together + chunk.length);
      if (refusal === undefined) {
        chunks.push(chunk);
        size += chunk.length;
        together += chunk.length;
        return;
      }
      incoming.off('data', onData).off('end', onEnd).resume();
      chunks.length = 0;
      refuse(refusal);
    };
    incoming.on('data', onData).on('end', onEnd);
  };
}

function refusalOf(size: number, together: number): Refusal | undefined {
  if (size > MOST_BODY) return TOO_LONG;
  return together > MOST_TOGETHER ? NO_ROOM : undefined;
}
