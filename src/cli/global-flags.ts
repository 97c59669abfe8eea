/** Flags of kubectl's that every command on a cluster has, and that people write before the command too. */
const WITH_VALUE: readonly string[] = ['-n', '--namespace', '--kubeconfig', '--context'];
const ALONE: readonly string[] = ['-A', '--all-namespaces'];

/**
 * The same words with the flags that stand before the command behind it, where commander looks for them. What the command
 * does not have it refuses itself. Words before which another flag stands stay as they are.
 */
export function globalFlagsBehind(words: readonly string[]): readonly string[] {
  const end = endOfGlobalFlags(words);
  const command = words[end];
  if (end === 0 || command === undefined || command.startsWith('-')) return words;
  return [command, ...words.slice(0, end), ...words.slice(end + 1)];
}

function endOfGlobalFlags(words: readonly string[]): number {
  let at = 0;
  for (;;) {
    const word = words[at] ?? '';
    if (WITH_VALUE.includes(word)) at += 2;
    else if (ALONE.includes(word) || isJoined(word)) at += 1;
    else return at;
  }
}

/** `--namespace=flowers`, `-nflowers`. */
function isJoined(word: string): boolean {
  return WITH_VALUE.some((flag) =>
    flag.startsWith('--')
      ? word.startsWith(`${flag}=`)
      : word.startsWith(flag) && !word.startsWith('--') && word !== flag,
  );
}
