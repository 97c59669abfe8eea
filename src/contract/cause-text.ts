const GAP = ' … ';

/**
 * The text, whole or with a gap in the middle: messages of other programs often begin with the place and end with the
 * cause.
 */
export function shortened(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const kept = Math.max(0, limit - GAP.length);
  const end = Math.floor(kept / 2);
  // A copy: a substring would keep the whole text in memory.
  const parts = [text.slice(0, kept - end), GAP, text.slice(text.length - end)];
  return Buffer.from(parts.join('')).toString();
}

/**
 * The cause in the output of a program that failed, cut to the limit. Of a traceback: the exception, its last frame,
 * then the exception that it was raised from. Any other text is cut by {@link shortened}.
 */
export function causeIn(text: string, limit: number): string {
  const whole = shortened(text.trim(), LONGEST_READ).replaceAll('\r\n', '\n');
  const tracebacks = tracebacksIn(whole);
  const raised = tracebacks.at(-1);
  if (raised === undefined) return shortened(withoutFrames(whole), limit);
  const frame = raised.frame === undefined ? '' : ` (${shortened(raised.frame, FRAME_SHARE * limit)})`;
  const [root] = tracebacks;
  const from =
    root === undefined || root.exception === raised.exception
      ? ''
      : `; raised from ${shortened(root.exception, ROOT_SHARE * limit)}`;
  return `${shortened(raised.exception, limit - frame.length - from.length)}${frame}${from}`;
}

/** No traceback for people is longer, and the text is untrusted. */
const LONGEST_READ = 32 * 1024;
/** The frame's share of the limit; the exception gets most of it. */
const FRAME_SHARE = 0.3;
const ROOT_SHARE = 0.3;

interface Traceback {
  readonly exception: string;
  readonly frame: string | undefined;
}

const HEADER = /Traceback \(most recent call last\):$/;
const FRAME = /^\s*File "(.+)", line (\d+)(?:, in (.+))?$/;
/** What Python prints between the tracebacks of a chain, and at the end of one from another process. */
const END =
  /^(?:During handling of the above exception, another exception occurred:|The above exception was the direct cause of the following exception:|""")$/;
/** The frame of an exception group: https://docs.python.org/3/library/traceback.html#traceback.TracebackException.format */
const GROUP_BORDER = /^\s*\+-[-+]*(?: \d+ -+| \.\.\. -+)?$/;
const GROUP_MARGIN = /^\s*[|+] /;

/** Python's tracebacks in a text, in the order they were raised. */
function tracebacksIn(text: string): readonly Traceback[] {
  const grouped = text.includes('Exception Group Traceback (');
  const lines = text.split('\n').map((line) => (grouped ? inGroup(line) : line));
  const starts = lines.flatMap((line, index) => (HEADER.test(line.trimEnd()) ? [index + 1] : []));
  const found = starts.flatMap((start, index) => tracebackOf(lines.slice(start, starts[index + 1])) ?? []);
  // The line of a group gives only the number of its exceptions.
  const single = found.filter(({ exception }) => !/^(?:\w+\.)*\w*ExceptionGroup: /.test(exception));
  return single.length > 0 ? single : found;
}

function inGroup(line: string): string {
  return GROUP_BORDER.test(line) ? '"""' : line.replace(GROUP_MARGIN, '');
}

/** @param lines those below its header; undefined when it ends before the exception */
function tracebackOf(lines: readonly string[]): Traceback | undefined {
  const first = lines.findIndex((line) => line.trim() !== '' && !/^\s/.test(line));
  if (first === -1) return undefined;
  const end = lines.findIndex((line, index) => index >= first && END.test(line.trim()));
  const exception = lines.slice(first, end === -1 ? undefined : end).join('\n');
  return { exception: oneLine(withoutFrames(exception)), frame: lastFrame(lines.slice(0, first)) };
}

function lastFrame(lines: readonly string[]): string | undefined {
  const frames = lines.flatMap((line) => {
    const match = FRAME.exec(line);
    return match === null ? [] : [match];
  });
  // Python's importer is in the frames of every missing module.
  const last = frames.findLast(([, file = '']) => !file.startsWith('<frozen ')) ?? frames.at(-1);
  if (last === undefined) return undefined;
  const [, file = '', line, within] = last;
  return `${shortPath(file)}, line ${line}${within === undefined ? '' : `, in ${within}`}`;
}

function shortPath(file: string): string {
  return file.replace(/^.*\/(?:site-packages|dist-packages|lib\/python[\d.]+)\//, '');
}

/** pybind11's frames, which follow the exception (Triton's Python backend), the innermost first. */
const PYBIND_FRAMES = /\n\nAt:\n[ \t]*(.+\(\d+\): .+)(?:\n[ \t]+.+\(\d+\): .+)*/g;
/** Frames of a Java virtual machine, as PySpark passes them on. */
const JAVA_FRAMES = /\n[ \t]+(?:at [\w.$/<>]+\(.*\)|\.\.\. \d+ more)(?=\n|$)/g;

function withoutFrames(text: string): string {
  return text.replace(PYBIND_FRAMES, ' ($1)').replace(JAVA_FRAMES, '');
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
