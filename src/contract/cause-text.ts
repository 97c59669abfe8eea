import { stripVTControlCharacters } from 'node:util';

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
  const whole = stripVTControlCharacters(shortened(text.trim(), LONGEST_READ)).replaceAll('\r\n', '\n');
  const tracebacks = tracebacksIn(whole);
  const raised = tracebacks.at(-1);
  if (raised === undefined) return shortened(withoutFrames(whole).trim().replace(NOTHING_SAID, ''), limit);
  const [root = raised] = tracebacks;
  // An exception of a worker process is raised again in the process that waits for it. The frame in the worker has the cause.
  const again = root.exception === raised.exception;
  const where = again ? root.frame : raised.frame;
  const frame = where === undefined ? '' : ` (${shortened(where, FRAME_SHARE * limit)})`;
  const from = again ? '' : `; raised from ${shortened(root.exception, ROOT_SHARE * limit)}`;
  return `${shortened(raised.exception, limit - frame.length - from.length)}${frame}${from}`;
}

/** MLServer appends a colon to an exception even without a message. */
const NOTHING_SAID = /(?<=\w(?:Error|Exception)):$/;
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
/**
 * What Python prints between the tracebacks of a chain and at the end of one from another process, and the start of the
 * next log line (of uvicorn and MLServer).
 */
const END =
  /^(?:During handling of the above exception, another exception occurred:$|The above exception was the direct cause of the following exception:$|"""$|(?:DEBUG|INFO|WARNING|ERROR|CRITICAL): |\d{4}-\d\d-\d\d[ T]\d\d:)/;
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
  const single = found.filter(({ exception }) => !GROUP.test(exception));
  if (single.length > 0) return single;
  const unraised = found.length === 0 ? undefined : firstUnraised(text);
  return unraised === undefined ? found : [unraised];
}

const GROUP = /^(?:\w+\.)*\w*ExceptionGroup: /;

function inGroup(line: string): string {
  return GROUP_BORDER.test(line) ? '"""' : line.replace(GROUP_MARGIN, '');
}

/** The first exception of a group that was never raised and therefore has no traceback. */
function firstUnraised(text: string): Traceback | undefined {
  const lines = text.split('\n');
  const members = lines.filter((_line, index) => GROUP_BORDER.test(lines[index - 1] ?? ''));
  const exception = members
    .map((line) => line.replace(GROUP_MARGIN, ''))
    .find((line) => line !== '' && !GROUP.test(line));
  return exception === undefined ? undefined : { exception: oneLine(exception), frame: undefined };
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
/** Frames of a Java virtual machine, as PySpark passes them on, and of Node.js. */
const AT_FRAMES =
  /\n[ \t]+(?:at [\w.$/<>]+\(.*\)|at [^\n]*:\d+:\d+\)?|\.\.\. \d+ (?:more|common frames omitted))(?=\n|$)/g;
/** Frames of the C++ code of XGBoost and MXNet (dmlc-core), and of PyTorch (c10). */
const NATIVE_FRAMES =
  /\n+Stack trace[^\n]*:(?:\n[ \t]*\[bt\] [^\n]*)+|\nException raised from [^\n]*\(most recent call first\):(?:\nframe #\d+: [^\n]*)*/g;
/** Frames of Go, to the end of the text. */
const GO_FRAMES = /\n+goroutine \d+ \[[^\]\n]*\]:\n[\s\S]*$/;

function withoutFrames(text: string): string {
  return text
    .replace(PYBIND_FRAMES, ' ($1)')
    .replace(AT_FRAMES, '')
    .replace(NATIVE_FRAMES, '')
    .replace(GO_FRAMES, '');
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
