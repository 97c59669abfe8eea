import type { LogRoom } from './log-room.ts';

/** Copies a body as it streams by. */
export interface BodyCopy {
  add(chunk: Buffer): void;
  /** The copied bytes, which stay reserved. Undefined if there was no room. */
  finish(): { readonly body: Buffer; readonly cutFrom: number | undefined } | undefined;
  /** Drops the copy and releases its reservation. */
  cancel(): void;
}

/** @param most a longer body is cut to this many bytes */
export function copyBody(room: Pick<LogRoom, 'hold' | 'give'>, most: number): BodyCopy {
  let chunks: Buffer[] = [];
  let held = 0;
  let total = 0;
  let isOver = false;
  const cancel = (): void => {
    isOver = true;
    room.give(held);
    held = 0;
    chunks = [];
  };
  return {
    add: (chunk) => {
      total += chunk.length;
      if (isOver || held === most) return;
      const part = chunk.length <= most - held ? chunk : chunk.subarray(0, most - held);
      if (!room.hold(part.length)) {
        cancel();
        return;
      }
      held += part.length;
      // Node reads many small packets into one large buffer, which a slice would keep in memory.
      chunks.push(Buffer.from(part));
    },
    finish: () => {
      if (isOver) return undefined;
      isOver = true;
      const body = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
      chunks = [];
      return { body, cutFrom: total > body.length ? total : undefined };
    },
    cancel: () => {
      if (!isOver) cancel();
    },
  };
}
