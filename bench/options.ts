import { parseArgs } from 'node:util';
import { PARTS } from './report/results.ts';
import type { PartName, PlanName } from './report/results.ts';

export interface BenchOptions {
  readonly parts: readonly PartName[];
  readonly plan: PlanName;
}

export const USAGE = `npm run bench -- [PART …] [--short | --guard | --full]
  PART     ${PARTS.join(', ')}; all but scale when none is named
  --short  fewer rounds, and no burst that takes KServe minutes
  --guard  in three minutes, what CI checks: fails on a large loss, and writes nothing
  --full   scale too`;

/** The parts that --guard runs. */
const GUARDED: readonly PartName[] = ['admission', 'burst', 'agent', 'data-path'];

/** @throws Error with the usage when the command line cannot be read */
export function readOptions(args: readonly string[]): BenchOptions {
  const flag = { type: 'boolean', default: false } as const;
  const options = { short: flag, guard: flag, full: flag };
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  const unknown = positionals.filter((name) => !(PARTS as readonly string[]).includes(name));
  if (unknown.length > 0) throw new Error(`there is no part ${unknown.join(', ')}\n${USAGE}`);
  const named = PARTS.filter((part) => positionals.includes(part));
  if (values.guard) return { parts: GUARDED, plan: 'guard' };
  const all = PARTS.filter((part) => values.full || part !== 'scale');
  return { parts: named.length > 0 ? named : all, plan: values.short ? 'short' : 'whole' };
}
