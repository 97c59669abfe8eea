import { FIELD_NAME } from './http-field.ts';

const FOLDED = /\n[\t ]/;
const LENGTHS = /^content-length[\t ]*:[\t ]*([^\r\n]*)/gim;
const WIDE_STATUS = /^(HTTP\/\d\.\d) {2,}/;

/**
 * The head of an answer in the form that a strict parser accepts. Only faults with a single possible meaning are
 * corrected: - a length given more than once with the same value is kept once: RFC 9110 section 8.6; - blanks before
 * the colon of a header are removed, as RFC 9112 section 5.1 requires of a proxy; - a header with a blank in its name,
 * which is invalid, is dropped, as in KServe's agent (Go's net/http does not write it); - several blanks before the
 * status become one: RFC 9112 section 4.
 *
 * A head with folded lines is not changed.
 * @param head one character a byte, up to its empty line
 */
export function soundHead(head: string): string {
  const [first = ''] = head.split('\n', 1);
  const lines = head.slice(first.length + 1).split('\n');
  const lengths = [...head.matchAll(LENGTHS)].map(([, value = '']) => value.trim());
  const isRepeated = lengths.length > 1 && new Set(lengths).size === 1;
  if (!isRepeated && !WIDE_STATUS.test(first) && !lines.some(hasBlankInName)) return head;
  if (FOLDED.test(head)) return head;
  let hasLength = false;
  const sound = lines.map(withSoundName).filter((line) => {
    if (line === undefined) return false;
    if (!isRepeated || !/^content-length:/i.test(line)) return true;
    if (hasLength) return false;
    hasLength = true;
    return true;
  });
  return [first.replace(WIDE_STATUS, '$1 '), ...sound].join('\n');
}

function hasBlankInName(line: string): boolean {
  return /[\t ]/.test(line.slice(0, Math.max(line.indexOf(':'), 0)));
}

/** Undefined for a dropped line. */
function withSoundName(line: string): string | undefined {
  if (!hasBlankInName(line)) return line;
  const colon = line.indexOf(':');
  let end = colon;
  while (line[end - 1] === ' ' || line[end - 1] === '\t') end -= 1;
  const name = line.slice(0, end);
  if (FIELD_NAME.test(name)) return name + line.slice(colon);
  return FIELD_NAME.test(name.replaceAll(' ', '')) ? undefined : line;
}
