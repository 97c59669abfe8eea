import * as names from './figure-names.ts';
import { markdown, shownNumber } from './format.ts';
import { contenderNames } from './results.ts';
import type { PartName, Program, Results } from './results.ts';
import { spreadOf } from './statistics.ts';
import { rowsOf } from './table.ts';
import { judgeTargets } from './targets.ts';

const BEGIN = '<!-- bench:begin: written by npm run bench:readme -->';
const END = '<!-- bench:end -->';
const THOUSAND = { models: 1_000, services: 1 };

/** The figures in the README. All others are in the results. */
const SHOWN: readonly (readonly [part: PartName, name: string])[] = [
  ['admission', names.podsASecond(16)],
  ['burst', names.burstTime(THOUSAND)],
  ['agent', names.UPDATE_FAILURES],
  ['data-path', names.requestsASecond(16)],
  ['footprint', names.idleRss('manager')],
];

/** The text between the markers: five figures, the machine, and the number of targets met. */
export function readmeSection(results: Results): string {
  const rows = rowsOf(results);
  const table = SHOWN.flatMap(([part, name]) => {
    const of = (contender: Program) =>
      rows.find((row) => row.part === part && row.name === name && row.contender === contender);
    const [kserve, ours] = [of('kserve'), of('ours')];
    if (ours === undefined) return [];
    const shown = (values: readonly number[] | undefined): string =>
      values === undefined ? '' : shownNumber(spreadOf(values).median);
    const ratio = ours.ratio === undefined ? '' : shownNumber(ours.ratio);
    return [[name, shown(kserve?.values), shown(ours.values), ratio]];
  });
  const contenders = contenderNames(results.machine);
  const head = ['median of the runs', contenders.kserve, contenders.ours, 'ratio'];
  return [provenance(results), markdown(head, '---|--:|--:|--:', table), promises(results)].join('\n\n');
}

function promises(results: Results): string {
  const targets = judgeTargets(results);
  const kept = targets.filter(({ met }) => met === true).length;
  return (
    `${kept} of ${targets.length} targets are met: [figures](bench/results/latest.md), ` +
    '[missed](docs/benchmarks.md#where-a-target-is-missed).'
  );
}

function provenance({ machine, runs }: Results): string {
  const days = [...new Set(runs.map(({ startedAt }) => startedAt.slice(0, 10)))].sort();
  const { cpu, cores, memoryGib, kernel, node, go, kubernetes } = machine;
  const short = runs.filter(({ plan }) => plan !== 'whole').map(({ part }) => part);
  return [
    `Measured ${days.join(' and ')} on ${shortName(cpu)}, ${cores} cores, ${memoryGib} GiB, Linux ${kernel};`,
    `Node ${node}, Go ${go}, Kubernetes ${kubernetes}.`,
    ...(short.length === 0 ? [] : [`In the short form: ${short.join(', ')}.`]),
  ].join(' ');
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
