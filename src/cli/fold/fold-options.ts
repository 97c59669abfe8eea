import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { bytes, formatBytes } from '../../lib/quantity.ts';
import type { Bytes } from '../../lib/quantity.ts';
import type { Tolerance } from './compare/compare-answers.decide.ts';
import { readMemory } from './amounts.decide.ts';
import type { Assumptions } from './memory.decide.ts';

/** The flags of {@link withAssumptions}. */
export interface AssumptionFlags {
  readonly cpuPrice?: number;
  readonly memoryPrice?: number;
  readonly emptyServer?: Bytes;
  readonly modelMemory?: Bytes;
  readonly margin: number;
  readonly podMemory: Bytes;
  readonly modelsPerPod: number;
  readonly artifactSizes?: true;
  readonly serverMetrics?: true;
  readonly requestCounts?: readonly string[];
}

const POD_MEMORY = bytes(16n * 1024n ** 3n);
const MARGIN_PERCENT = 25;
const MODELS_PER_POD = 500;

export function assumptionsIn(flags: AssumptionFlags): Assumptions {
  const { emptyServer, modelMemory, margin, podMemory, modelsPerPod } = flags;
  return { emptyServer, modelMemory, margin, podMemory, modelsPerPod };
}

/** Flags for prices, memory and sizes. */
export function withAssumptions(command: Command): Command {
  return command
    .addOption(new Option('--cpu-price <number>', 'the price of a core for an hour').argParser(readPrice))
    .addOption(new Option('--memory-price <number>', 'the price of a GiB for an hour').argParser(readPrice))
    .addOption(
      new Option('--model-memory <quantity>', 'the memory of a model that was not measured').argParser(
        readQuantity,
      ),
    )
    .option(
      '--server-metrics',
      'if metrics.k8s.io has no data, ask the model servers how much memory they use',
    )
    .option(
      '--artifact-sizes',
      'ask the sources, with the credentials of this environment, for the sizes of models that were not measured',
    )
    .option(
      '--request-counts <place>',
      'a file of metrics, or the URL of a Prometheus server, to estimate the effect of half the memory; may be repeated',
      gathered,
    )
    .addOption(
      new Option('--empty-server <quantity>', 'the memory of a server before its first model').argParser(
        readQuantity,
      ),
    )
    .addOption(
      new Option('--margin <percent>', 'the margin above the measured values')
        .argParser(readPercent)
        .default(MARGIN_PERCENT / 100, String(MARGIN_PERCENT)),
    )
    .addOption(
      new Option('--pod-memory <quantity>', 'the maximum memory request of the server in a shared pod')
        .argParser(readQuantity)
        .default(POD_MEMORY, formatBytes(POD_MEMORY)),
    )
    .addOption(
      new Option('--models-per-pod <number>', 'the maximum number of models that share pods')
        .argParser(readCount)
        .default(MODELS_PER_POD),
    );
}

/** An option that may be repeated. */
export function gathered(word: string, words: readonly string[] | undefined): string[] {
  return [...(words ?? []), word];
}

function readPrice(text: string): number {
  const price = Number(text);
  if (/^[\d.]+$/.test(text) && Number.isFinite(price)) return price;
  throw new InvalidArgumentError('It must be a number such as 0.04.');
}

function readQuantity(text: string): Bytes {
  const amount = readMemory(text);
  if (amount !== undefined && amount > 0n) return amount;
  throw new InvalidArgumentError('It must be a quantity of bytes above zero, such as 256Mi.');
}

/** A share, the allowed difference of two numbers. */
export function readTolerance(text: string): Tolerance {
  const share = Number(text);
  if (/^[\d.]+(e-?\d+)?$/.test(text) && share < 1) return share as Tolerance;
  throw new InvalidArgumentError('It must be a number from 0 to below 1, such as 1e-5.');
}

function readPercent(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text) / 100;
  throw new InvalidArgumentError('It must be a whole number of percent, such as 25.');
}

function readCount(text: string): number {
  if (/^\d{1,6}$/.test(text) && Number(text) >= 2) return Number(text);
  throw new InvalidArgumentError('It must be a whole number, 2 or more.');
}
