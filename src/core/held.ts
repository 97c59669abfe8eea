/** Calls that wait for somebody who is not there yet. */
export interface Held<T> {
  /** Calls at once when `T` is there, otherwise as soon as it is; in the order of the calls. */
  pass(call: (to: T) => void): void;
  /** Here it is. */
  release(to: T): void;
}

export function createHeld<T>(): Held<T> {
  const waiting: ((to: T) => void)[] = [];
  let pass = (call: (to: T) => void): void => void waiting.push(call);
  return {
    pass: (call) => pass(call),
    release: (to) => {
      pass = (call) => call(to);
      for (const call of waiting.splice(0)) call(to);
    },
  };
}
