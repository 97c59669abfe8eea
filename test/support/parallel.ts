/** Processes the items with this many concurrent callers. Rejects with the first failure. */
export async function inParallel<T>(
  callers: number,
  items: readonly T[],
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const caller = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) await work(items[index]!, index);
  };
  await Promise.all(Array.from({ length: callers }, caller));
}
