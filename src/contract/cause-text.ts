import { stripVTControlCharacters } from 'node:util';

const GAP = ' … ';

/** The text, whole or with a gap in the middle: what others write says at its beginning where, and at its end why. */
export function shortened(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const kept = Math.max(0, limit - GAP.length);
  const end = Math.floor(kept / 2);
  // A copy: a part of a text keeps all of it in memory.
  const parts = [text.slice(0, kept - end), GAP, text.slice(text.length - end)];
  return Buffer.from(parts.join('')).toString();
}

/**
 * What a program that failed says of the cause, at most so long: of a traceback the exception, then its last frame, then
 * the exception that it was raised from; any other text as {@link shortened} gives it.
 */
export function causeIn(text: string, limit: number): string {
  const whole = stripVTControlCharacters(shortened(text.trim(), LONGEST_READ)).replaceAll('\r\n', '\n');
  const tracebacks = tracebacksIn(whole);
  const raised = tracebacks.at(-1);
  if (raised === undefined) return shortened(withoutFrames(whole).trim().replace(NOTHING_SAID, ''), limit);
  const [root = raised] = tracebacks;
  // One that a worker process raised is raised again by who waited for it: the worker's frame has the cause.
  const again = root.exception === raised.exception;
  const where = again ? root.frame : raised.frame;
  const frame = where === undefined ? '' : ` (${shortened(where, FRAME_SHARE * limit)})`;
  const from = again ? '' : `; raised from ${shortened(root.exception, ROOT_SHARE * limit)}`;
  return `${shortened(raised.exception, limit - frame.length - from.length)}${frame}${from}`;
}

/** MLServer puts a colon behind an exception also when it says nothing. */
const NOTHING_SAID = /(?<=\w(?:Error|Exception)):$/;
/** No traceback that a person reads is longer, and what is read may come from anybody. */
const LONGEST_READ = 32 * 1024;
/** Of all the room, so that the exception has most of it. */
const FRAME_SHARE = 0.3;
const ROOT_SHARE = 0.3;

interface Traceback {
  readonly exception: string;
  readonly frame: string | undefined;
}

const HEADER = /Traceback \(most recent call last\):$/;
const FRAME = /^\s*File "(.+)", line (\d+)(?:, in (.+))?$/;
/**
 * What Python writes between the tracebacks of a chain, what ends one that came from another process, and how the next
 * line of a log begins (uvicorn's and MLServer's).
 */
const END =
  /^(?:During handling of the above exception, another exception occurred:$|The above exception was the direct cause of the following exception:$|"""$|(?:DEBUG|INFO|WARNING|ERROR|CRITICAL): |\d{4}-\d\d-\d\d[ T]\d\d:)/;
/** The frame of an exception group: https://docs.python.org/3/library/traceback.html#traceback.TracebackException.format */
const GROUP_BORDER = /^\s*\+-[-+]*(?: \d+ -+| \.\.\. -+)?$/;
const GROUP_MARGIN = /^\s*[|+] /;

/** The tracebacks of Python in a text, from the one raised first to the one raised last. */
function tracebacksIn(text: string): readonly Traceback[] {
  const grouped = text.includes('Exception Group Traceback (');
  const lines = text.split('\n').map((line) => (grouped ? inGroup(line) : line));
  const starts = lines.flatMap((line, index) => (HEADER.test(line.trimEnd()) ? [index + 1] : []));
  const found = starts.flatMap((start, index) => tracebackOf(lines.slice(start, starts[index + 1])) ?? []);
  // A group says only how many exceptions it has.
  const single = found.filter(({ exception }) => !GROUP.test(exception));
  if (single.length > 0) return single;
  const unraised = found.length === 0 ? undefined : firstUnraised(text);
  return unraised === undefined ? found : [unraised];
}

const GROUP = /^(?:\w+\.)*\w*ExceptionGroup: /;

function inGroup(line: string): string {
  return GROUP_BORDER.test(line) ? '"""' : line.replace(GROUP_MARGIN, '');
}

/** The first exception of a group that was put there without having been raised, and so has no traceback. */
function firstUnraised(text: string): Traceback | undefined {
  const lines = text.split('\n');
  const members = lines.filter((_line, index) => GROUP_BORDER.test(lines[index - 1] ?? ''));
  const exception = members
    .map((line) => line.replace(GROUP_MARGIN, ''))
    .find((line) => line !== '' && !GROUP.test(line));
  return exception === undefined ? undefined : { exception: oneLine(exception), frame: undefined };
}

/** @param lines those below its header; undefined when it breaks off before the exception */
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
  // Python's own importer is in the frames of every module that is missing.
  const last = frames.findLast(([, file = '']) => !file.startsWith('<frozen ')) ?? frames.at(-1);
  if (last === undefined) return undefined;
  const [, file = '', line, within] = last;
  return `${shortPath(file)}, line ${line}${within === undefined ? '' : `, in ${within}`}`;
}

function shortPath(file: string): string {
  return file.replace(/^.*\/(?:site-packages|dist-packages|lib\/python[\d.]+)\//, '');
}

/** The frames of pybind11, which follow the exception (Triton's Python backend), the innermost first. */
const PYBIND_FRAMES = /\n\nAt:\n[ \t]*(.+\(\d+\): .+)(?:\n[ \t]+.+\(\d+\): .+)*/g;
/** Those of a Java virtual machine, which PySpark passes on, and of Node.js. */
const AT_FRAMES =
  /\n[ \t]+(?:at [\w.$/<>]+\(.*\)|at [^\n]*:\d+:\d+\)?|\.\.\. \d+ (?:more|common frames omitted))(?=\n|$)/g;
/** Those of the C++ of XGBoost and MXNet (dmlc-core), and of PyTorch (c10). */
const NATIVE_FRAMES =
  /\n+Stack trace[^\n]*:(?:\n[ \t]*\[bt\] [^\n]*)+|\nException raised from [^\n]*\(most recent call first\):(?:\nframe #\d+: [^\n]*)*/g;
/** Those of Go, to the end. */
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
