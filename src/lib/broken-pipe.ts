/** What a shell reports of a program that SIGPIPE ended: Node ignores that signal, and writes fail with EPIPE instead. */
const ENDED_BY_SIGPIPE = 141;

/**
 * Ends the process without a word once its output has no reader, as in `mms status --watch | head`: by way of its
 * interruption, when it has one and so something to put away. Where printing fails otherwise, as on a full disk, it ends with
 * that as its error. For entry points.
 */
export function endWhenNobodyReads(): void {
  let told = false;
  const onError = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') {
      process.stderr.write(`mms: what was to be printed could not be written: ${error.message}\n`);
      process.exit(1);
    }
    if (told) return;
    told = true;
    if (!process.emit('SIGTERM', 'SIGTERM')) process.exit(ENDED_BY_SIGPIPE);
  };
  for (const stream of [process.stdout, process.stderr]) stream.on('error', onError);
}
