import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { bytes, formatBytes } from '../../lib/quantity.ts';
import type { Bytes } from '../../lib/quantity.ts';
import type { Tolerance } from './compare/compare-answers.decide.ts';
import { readMemory } from './amounts.decide.ts';
import type { Assumptions } from './memory.decide.ts';

/** What {@link withAssumptions} adds. */
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

/** What the user says of money, memory and sizes. */
export function withAssumptions(command: Command): Command {
  return command
    .addOption(new Option('--cpu-price <number>', 'of a core for an hour').argParser(readPrice))
    .addOption(new Option('--memory-price <number>', 'of a GiB for an hour').argParser(readPrice))
    .addOption(
      new Option('--model-memory <quantity>', 'of a model of which nothing is measured').argParser(
        readQuantity,
      ),
    )
    .option(
      '--server-metrics',
      'where metrics.k8s.io has nothing, ask the model servers how much memory they take',
    )
    .option(
      '--artifact-sizes',
      'ask the sources, with the credentials of this environment, how large models are of which nothing is measured',
    )
    .option(
      '--request-counts <place>',
      'a file of metrics, or the URL of a Prometheus, by which it is said what half the memory would mean; may be repeated',
      gathered,
    )
    .addOption(
      new Option('--empty-server <quantity>', 'what a server takes before its first model').argParser(
        readQuantity,
      ),
    )
    .addOption(
      new Option('--margin <percent>', 'how much more than measured is proposed')
        .argParser(readPercent)
        .default(MARGIN_PERCENT / 100, String(MARGIN_PERCENT)),
    )
    .addOption(
      new Option('--pod-memory <quantity>', 'the most that the server of a shared pod may request')
        .argParser(readQuantity)
        .default(POD_MEMORY, formatBytes(POD_MEMORY)),
    )
    .addOption(
      new Option('--models-per-pod <number>', 'the most models that share pods')
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

/** A share, as of two numbers that may be apart. */
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
