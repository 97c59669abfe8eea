/**
 * The exit code that a shell reports for a program ended by SIGPIPE. Node ignores that signal; writes fail with EPIPE.
 */
const ENDED_BY_SIGPIPE = 141;

/**
 * Ends the process silently once its output has no reader, as in `mms status --watch | head`. If the process handles
 * interruption, and so has something to clean up, it is interrupted instead. If printing fails for another reason, such
 * as a full disk, the process ends with that error. For entry points.
 */
export function endOnBrokenPipe(): void {
  let reported = false;
  const onError = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') {
      process.stderr.write(`mms: the output could not be written: ${error.message}\n`);
      process.exit(1);
    }
    if (reported) return;
    reported = true;
    if (!process.emit('SIGTERM', 'SIGTERM')) process.exit(ENDED_BY_SIGPIPE);
  };
  for (const stream of [process.stdout, process.stderr]) stream.on('error', onError);
}
