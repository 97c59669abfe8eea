/** Ranks by Zipf's law: rank 1 is the most frequent. */
export function zipf(count: number, exponent: number, random: () => number): () => number {
  const weights: number[] = [];
  let sum = 0;
  for (let rank = 1; rank <= count; rank++) weights.push((sum += 1 / rank ** exponent));
  return () => {
    const at = random() * sum;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (weights[middle]! < at) low = middle + 1;
      else high = middle;
    }
    return low + 1;
  };
}
