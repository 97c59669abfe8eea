import * as names from './figure-names.ts';
import { markdown, shownNumber } from './format.ts';
import { placesOf } from './places.ts';
import { contenderNames } from './results.ts';
import type { Hardware, PartName, Program, Results } from './results.ts';
import { spreadOf } from './statistics.ts';
import { type Row, rowsOf } from './table.ts';
import { judgeTargets } from './targets.ts';

const BEGIN = '<!-- bench:begin: written by npm run bench:readme -->';
const END = '<!-- bench:end -->';
const THOUSAND = { models: 1_000, services: 1 };

/** A row: one figure, or several under a name of their own. */
interface Shown {
  readonly part: PartName;
  readonly row: string;
  readonly figures: readonly string[];
}

const one = (part: PartName, figure: string): Shown => ({ part, row: figure, figures: [figure] });
const firstPrediction = (which: string): string => names.firstPrediction(which, names.FIRST_PREDICTIONS);

/** The figures in the README. All others are in the results. */
const SHOWN: readonly Shown[] = [
  one('admission', names.podsASecond(16)),
  one('burst', names.burstTime(THOUSAND)),
  one('agent', names.UPDATE_FAILURES),
  one('data-path', names.requestsASecond(16)),
  {
    part: 'first-prediction',
    row: firstPrediction('p50, p99'),
    figures: [firstPrediction('p50'), firstPrediction('p99')],
  },
  one('footprint', names.idleRss('manager')),
];

/** The text between the markers: the machine, how many targets were met, and some figures. */
export function readmeSection(results: Results): string {
  const rows = rowsOf(results);
  const table = SHOWN.flatMap(({ part, row: name, figures }) => {
    const of = (contender: Program): Row[] =>
      figures.flatMap((figure) =>
        rows.filter((row) => row.part === part && row.name === figure && row.contender === contender),
      );
    const [kserve, ours] = [of('kserve'), of('ours')];
    if (ours.length === 0) return [];
    const shown = (found: readonly Row[]): string =>
      found.map(({ values }) => shownNumber(spreadOf(values).median)).join(', ');
    const ratios = ours.flatMap(({ ratio }) => (ratio === undefined ? [] : [shownNumber(ratio)]));
    return [[name, shown(kserve), shown(ours), ratios.join(', ')]];
  });
  const contenders = contenderNames(results.machine);
  const head = ['median of the runs', contenders.kserve, contenders.ours, 'ratio'];
  const first = `${provenance(results)}\n${promises(results)}`;
  return [first, markdown(head, '---|--:|--:|--:', table)].join('\n\n');
}

function promises(results: Results): string {
  const targets = judgeTargets(results);
  const kept = targets.filter(({ met }) => met === true).length;
  return (
    `${kept} of ${targets.length} targets are met: [figures](bench/results/latest.md), ` +
    '[missed](docs/benchmarks.md#where-a-target-is-missed).'
  );
}

function provenance(results: Results): string {
  const { machine, runs } = results;
  const days = [...new Set(runs.map(({ startedAt }) => startedAt.slice(0, 10)))].sort();
  const [most, ...others] = placesOf(results);
  const short = runs.filter(({ plan }) => plan !== 'whole').map(({ part }) => part);
  const first =
    `Measured ${days.join(' and ')} on ${shownHardware(most?.hardware ?? machine)}; Node ${machine.node}, Go ${machine.go}, ` +
    `Kubernetes ${machine.kubernetes}.`;
  const elsewhere = others.map(
    ({ parts, hardware }) => `${parts.join(', ')}: on ${shownHardware(hardware)}.`,
  );
  const inShort = short.length === 0 ? [] : [`In the short form: ${short.join(', ')}.`];
  return [first, [...elsewhere, ...inShort].join(' ')].filter(Boolean).join('\n');
}

function shownHardware({ cpu, cores, memoryGib, kernel }: Hardware): string {
  return `${shortName(cpu)}, ${cores} cores, ${memoryGib} GiB, Linux ${kernel}`;
}

/** A processor's name without trademarks, so that the line fits the page. */
function shortName(cpu: string): string {
  return cpu.replaceAll(/\((?:R|TM)\)| Processor| CPU/g, '');
}

/** The page with the section of these results between its markers. @throws when it has no markers */
export function withSection(page: string, results: Results): string {
  const [start, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`the page has no lines ${BEGIN} and ${END}, in this order`);
  return `${page.slice(0, start)}${BEGIN}\n\n${readmeSection(results)}\n\n${page.slice(end)}`;
}
