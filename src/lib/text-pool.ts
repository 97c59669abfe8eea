/**
 * One copy of texts that come again and again. Each JSON that is read brings texts of its own: with a hundred thousand
 * TrainedModels cached, the words of their conditions alone would be hundreds of megabytes.
 *
 * @param capacity texts that are known at most; a full pool is emptied, and what was handed out stays valid
 * @returns the text itself, or an equal one that was seen before
 */
export function createTextPool(capacity: number): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    if (known.size >= capacity) known.clear();
    known.set(text, text);
    return text;
  };
}
