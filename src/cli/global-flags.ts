/** Flags of kubectl's that commands on a cluster have, and that people write before the command too. */
const WITH_VALUE: readonly string[] = ['-n', '--namespace', '--kubeconfig', '--context', '-o', '--output'];
/** Those of `mms` itself. */
const OF_THE_PROGRAM: readonly string[] = ['-V', '--version'];

/**
 * The same words with the flags that stand before the command behind it, where commander looks for them. What the command
 * does not have it refuses itself. Words without a command stay as they are.
 *
 * @param isCommand a word that is none follows a flag as its value
 */
export function globalFlagsBehind(
  words: readonly string[],
  isCommand: (word: string) => boolean,
): readonly string[] {
  const at = commandIn(words, isCommand);
  const command = words[at];
  if (command === undefined) return words.some(isHelp) ? ['--help'] : words;
  return [command, ...words.slice(0, at), ...words.slice(at + 1)].map(withoutEquals);
}

/** Whether flags are all there is, and none of them says what to do without a command. */
export function lacksCommand(words: readonly string[], isCommand: (word: string) => boolean): boolean {
  const first = words[0] ?? '';
  const isDone = words.some((word) => isHelp(word) || OF_THE_PROGRAM.includes(word));
  return first.startsWith('-') && !isDone && commandIn(words, isCommand) < 0;
}

function isHelp(word: string): boolean {
  return word === '-h' || word === '--help';
}

/** The index of the command, or of the argument in its place; -1 if there is neither. */
function commandIn(words: readonly string[], isCommand: (word: string) => boolean): number {
  let first = -1;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (OF_THE_PROGRAM.includes(word) || word === '--') return -1;
    if (WITH_VALUE.includes(word)) at += 1;
    else if (isCommand(word)) return at;
    else if (!word.startsWith('-') && first < 0) first = at;
  }
  return first;
}

/** kubectl takes `-n=flowers` for the namespace `flowers`, and commander for `=flowers`. */
function withoutEquals(word: string): string {
  return word.replace(/^-([a-z])=/, '-$1');
}
