import { FINDING_KINDS, type FindingKind } from '../src/cli/analyze/catalogue.decide.ts';
import { code, markdownTable, page } from './markdown.ts';

/** Everything that `mms analyze` can find. */
export function findingsPage(): string {
  const kinds: readonly (readonly [string, FindingKind])[] = Object.entries(FINDING_KINDS);
  return page(
    'Findings of mms analyze',
    'Codes are stable. MMS1xx are of files and of any object, 2xx of TrainedModels, 3xx of InferenceServices, 4xx of what is around them. Exit code 1 comes with errors, or with what `--fail-on` says.',
    markdownTable(
      ['code', 'severity', 'what was found', 'what to do'],
      kinds.map(([name, { severity, title, remedy }]) => [code(name), severity, title, remedy]),
    ),
  );
}
