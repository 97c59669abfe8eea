/**
 * One copy of texts that occur many times. Each parsed JSON has strings of its own: with a hundred thousand
 * TrainedModels cached, the words of their conditions alone would be hundreds of megabytes.
 *
 * @param capacity the most texts to hold. A full pool is emptied, and the strings it returned stay valid
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
