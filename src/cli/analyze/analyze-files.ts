import { analyze } from './analysis.decide.ts';
import type { Severity } from './catalogue.decide.ts';
import type { Finding } from './finding.decide.ts';
import { compareText } from '../../lib/compare-text.ts';
import { isRecord } from '../../lib/json.ts';
import type { CommandIo } from '../io.ts';
import { readInput } from '../documents.ts';
import { type FileFinding, type LocatedObject, type Place, readObjects } from './located-objects.ts';
import type { MeasuredService } from './measured.decide.ts';
import { findManifests, type ManifestFile, readManifest } from './manifest-files.ts';
import { type Tally, reported, type ReportedFinding } from './report.ts';

interface Analysis {
  readonly findings: readonly ReportedFinding[];
  readonly tally: Tally;
}

/** The contents of all files, before objects are checked together. */
interface Reading {
  readonly objects: LocatedObject[];
  readonly findings: FileFinding[];
  files: number;
}

/** Reads all files below these paths, `-` for stdin, and reports their faults in the order of files and lines. */
export async function analyzeFiles(
  paths: readonly string[],
  io: CommandIo,
  measured: readonly MeasuredService[] = [],
): Promise<Analysis> {
  const reading: Reading = { objects: [], findings: [], files: 0 };
  for (const path of new Set(paths)) {
    if (path === '-') take(reading, 'stdin', await readInput(path, io));
    else await takePath(reading, path);
  }
  const ofObjects = analyze(reading.objects, measured).map(findingOnObject);
  const ofFiles = reading.findings.map(({ code, place, message }) =>
    reported(code, place, undefined, message),
  );
  const findings = [...ofFiles, ...ofObjects].sort((a, b) => inOrder(a.place, b.place));
  const count = (severity: Severity): number => findings.filter((one) => one.severity === severity).length;
  const counts = { errors: count('error'), warnings: count('warning'), infos: count('info') };
  return { findings, tally: { ...counts, files: reading.files, objects: reading.objects.length } };
}

async function takePath(reading: Reading, path: string): Promise<void> {
  const { files, unreadable } = await findManifests(path);
  for (const file of files) await takeFile(reading, file);
  for (const { path: where, reason } of unreadable) {
    reading.findings.push({ code: 'MMS101', place: startOf(where), message: reason });
  }
}

async function takeFile(reading: Reading, { path, patchOf }: ManifestFile): Promise<void> {
  if (patchOf !== undefined) {
    reading.files += 1;
    const message = `this is a patch of ${patchOf} and was left out`;
    reading.findings.push({ code: 'MMS103', place: startOf(path), message });
    return;
  }
  const read = await readManifest(path);
  if ('text' in read) take(reading, path, read.text);
  else reading.findings.push({ code: 'MMS101', place: startOf(path), message: read.reason });
}

function take(reading: Reading, file: string, text: string): void {
  const { objects, findings } = readObjects(file, text);
  reading.files += 1;
  // One by one: as arguments, thousands would be too many.
  for (const object of objects) reading.objects.push(object);
  for (const finding of findings) reading.findings.push(finding);
}

function findingOnObject({ code, subject, path, message }: Finding<LocatedObject>): ReportedFinding {
  const { metadata } = subject.object;
  const name = isRecord(metadata) ? metadata['name'] : undefined;
  const object = `${subject.kind} ${typeof name === 'string' ? name : '(without a name)'}`;
  return reported(code, subject.placeOf(path), object, message);
}

function inOrder(a: Place, b: Place): number {
  return compareText(a.file, b.file) || a.line - b.line || a.column - b.column;
}

function startOf(file: string): Place {
  return { file, line: 1, column: 1 };
}
