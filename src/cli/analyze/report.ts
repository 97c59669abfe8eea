import { stringify } from 'yaml';
import { FINDING_KINDS } from './catalogue.decide.ts';
import type { FindingCode, Severity } from './catalogue.decide.ts';
import type { Colour } from '../output.ts';
import type { Place } from './located-objects.ts';

export type ReportFormat = 'text' | 'json' | 'yaml' | 'github';

/** A finding as it is printed. */
export interface ReportedFinding {
  readonly code: FindingCode;
  readonly severity: Severity;
  readonly place: Place;
  /** `TrainedModel iris`; undefined when it is about a file. */
  readonly object: string | undefined;
  readonly message: string;
  readonly remedy: string;
}

/** How many findings of each severity there are, in how many files and objects. */
export interface Tally {
  readonly errors: number;
  readonly warnings: number;
  readonly infos: number;
  readonly files: number;
  readonly objects: number;
}

const COLOURS: Readonly<Record<Severity, Colour>> = { error: 'red', warning: 'yellow', info: 'dim' };
/** GitHub's names: https://docs.github.com/actions/reference/workflow-commands-for-github-actions */
const GITHUB: Readonly<Record<Severity, string>> = { error: 'error', warning: 'warning', info: 'notice' };

/** What the report says of a code at a place. */
export function reported(
  code: FindingCode,
  place: Place,
  object: string | undefined,
  message: string,
): ReportedFinding {
  const { severity, remedy } = FINDING_KINDS[code];
  return { code, severity, place, object, message, remedy };
}

/** All findings in one notation. */
export function reportText(
  findings: readonly ReportedFinding[],
  tally: Tally,
  format: ReportFormat,
  paint: (colour: Colour, text: string) => string,
): string {
  switch (format) {
    case 'text':
      return findings.map((finding) => lineOf(finding, paint)).join('');
    case 'github':
      return findings.map(annotationOf).join('');
    case 'json':
      return `${JSON.stringify({ findings: findings.map(flat), summary: tally }, undefined, 2)}\n`;
    case 'yaml':
      return stringify({ findings: findings.map(flat), summary: tally });
  }
}

/** As compilers write it, so that editors and terminals find the place. */
function lineOf(
  { code, severity, place, object, message, remedy }: ReportedFinding,
  paint: (colour: Colour, text: string) => string,
): string {
  const subject = object === undefined ? '' : `${object}: `;
  return (
    `${oneLine(place.file)}:${place.line}:${place.column}: ${paint(COLOURS[severity], severity)} ${code}: ` +
    `${oneLine(`${subject}${message}`)}\n    ${remedy}\n`
  );
}

function annotationOf({ code, severity, place, message, remedy }: ReportedFinding): string {
  const properties = `file=${escapedProperty(place.file)},line=${place.line},col=${place.column},title=${code}`;
  return `::${GITHUB[severity]} ${properties}::${escapedData(`${message}. ${remedy}`)}\n`;
}

function flat({ place, object, ...finding }: ReportedFinding): object {
  return { ...finding, ...place, ...(object !== undefined && { object }) };
}

function escapedData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapedProperty(text: string): string {
  return escapedData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

/** Names and messages hold what a person wrote, and must not write into other lines. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}

/** `2 errors, 1 warning, 3 notes in 14 files with 9 objects`. */
export function tallyText({ errors, warnings, infos, files, objects }: Tally): string {
  const count = (number: number, one: string): string => `${number} ${one}${number === 1 ? '' : 's'}`;
  return (
    `${count(errors, 'error')}, ${count(warnings, 'warning')}, ${count(infos, 'note')} ` +
    `in ${count(files, 'file')} with ${count(objects, 'object')}`
  );
}
