/** A link of a {@link LruList}. The items of the list extend it. */
export interface LruLinks<T extends LruLinks<T>> {
  newer: T | undefined;
  older: T | undefined;
  /** An item is in one list at a time. */
  list: LruList<T> | undefined;
}

/** From the least to the most recently used. Each change takes constant time. */
export interface LruList<T extends LruLinks<T>> {
  /** Puts an item at the most recently used end. An item of this or another list moves there. */
  push(item: T): void;
  /** Puts an item at the least recently used end. */
  pushOldest(item: T): void;
  /** Does nothing to an item that is in no list, or in another. */
  remove(item: T): void;
  /** Begins with the least recently used. The list must not change meanwhile. */
  oldestFirst(): Generator<T>;
}

/** Links outside any list. */
export function unlisted<T extends LruLinks<T>>(): LruLinks<T> {
  return { newer: undefined, older: undefined, list: undefined };
}

/** Makes an empty list. The links are in the items themselves: a request moves one without any allocation. */
export function createLruList<T extends LruLinks<T>>(): LruList<T> {
  let oldest: T | undefined;
  let newest: T | undefined;
  const remove = (item: T): void => {
    if (item.list !== list) return;
    if (item.older === undefined) oldest = item.newer;
    else item.older.newer = item.newer;
    if (item.newer === undefined) newest = item.older;
    else item.newer.older = item.older;
    item.older = undefined;
    item.newer = undefined;
    item.list = undefined;
  };
  const list: LruList<T> = {
    remove,
    push: (item) => {
      item.list?.remove(item);
      item.list = list;
      item.older = newest;
      if (newest === undefined) oldest = item;
      else newest.newer = item;
      newest = item;
    },
    pushOldest: (item) => {
      item.list?.remove(item);
      item.list = list;
      item.newer = oldest;
      if (oldest === undefined) newest = item;
      else oldest.older = item;
      oldest = item;
    },
    *oldestFirst() {
      for (let item = oldest; item !== undefined; item = item.newer) yield item;
    },
  };
  return list;
}
