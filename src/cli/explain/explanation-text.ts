import type { Explanation, Link } from '../../explanation/chain.decide.ts';
import type { Colour } from '../output.ts';
import { oneLine } from '../table.ts';

type Paint = (colour: Colour, text: string) => string;

const MARKS: Readonly<Record<Link['outcome'], readonly [mark: string, colour: Colour]>> = {
  ok: ['✓', 'green'],
  broken: ['✗', 'red'],
  unknown: ['?', 'yellow'],
  'not reached': ['·', 'dim'],
};

/** Of what does not exist itself nothing else is worth a line. */
function isAbsent(kind: Explanation['kind'], broken: Link['id']): boolean {
  if (broken === 'inference-service-found') return kind === 'InferenceService';
  return broken === 'model-exists' || broken === 'pod-exists';
}

/** The chain as a person reads it: a line a link, what to do below the broken one. */
export function explanationText(found: Explanation, paint: Paint): string {
  const { kind, namespace, name, broken } = found;
  const links = broken !== undefined && isAbsent(kind, broken.id) ? [broken] : found.links;
  const width = Math.max(...links.map(({ id }) => id.length));
  const lines = links.flatMap((link) => {
    const [mark, colour] = MARKS[link.outcome];
    const line = `${paint(colour, mark)} ${link.id.padEnd(width)}  ${oneLine(link.message)}`;
    const shown = link.outcome === 'not reached' ? paint('dim', line) : line;
    const advised = link.outcome === 'broken' && link.advice !== undefined;
    return advised
      ? [shown, `  ${' '.repeat(width)}  ${paint('bold', '→')} ${oneLine(link.advice)}`]
      : [shown];
  });
  const unknown = links.filter(({ outcome }) => outcome === 'unknown').length;
  const rest = unknown === 0 ? '' : `; ${unknown} could not be checked`;
  // A broken link is marked in its line, and needs no other.
  const end =
    broken === undefined ? [paint(unknown === 0 ? 'green' : 'yellow', `no link is broken${rest}`)] : [];
  return `${[`${kind} ${namespace}/${name}`, ...lines, ...end].join('\n')}\n`;
}
