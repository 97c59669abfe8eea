/** Bounds the downloads of all pulls together, beyond the first of each. */
export interface SharedDownloads {
  tryTake(): boolean;
  giveBack(): void;
}

export function createSharedDownloads(limit: number): SharedDownloads {
  let taken = 0;
  return {
    tryTake: () => {
      if (taken >= limit) return false;
      taken += 1;
      return true;
    },
    giveBack: () => {
      taken -= 1;
    },
  };
}

export interface EachOptions {
  readonly perModel: number;
  readonly shared: SharedDownloads;
  /** Called once, at the first failure, to cancel the other downloads of this model. */
  readonly giveUp: () => void;
}

/**
 * Processes the items, always one at a time and several while shared downloads are free: a pull whose source
 * hangs takes nothing that another pull needs. When it settles, nothing is running any more.
 * @throws the first error of `work` or `items`.
 */
export async function eachDownload<T>(
  items: AsyncIterable<T>,
  { perModel, shared, giveUp }: EachOptions,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const fail = (error: unknown): void => {
    failures.push(error);
    if (failures.length === 1) giveUp();
  };
  const start = (item: T, isShared: boolean): void => {
    const task = work(item)
      .catch(fail)
      .finally(() => {
        running.delete(task);
        if (isShared) shared.giveBack();
      });
    running.add(task);
  };
  try {
    for await (const item of items) {
      let isShared = false;
      while (running.size > 0) {
        isShared = running.size < perModel && shared.tryTake();
        if (isShared) break;
        await Promise.race(running);
      }
      if (failures.length > 0) {
        if (isShared) shared.giveBack();
        break;
      }
      start(item, isShared);
    }
  } catch (error) {
    fail(error);
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
}
