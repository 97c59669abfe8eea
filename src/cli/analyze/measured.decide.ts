import type { InferenceService } from '../../contract/inference-service.ts';
import { isRecord, recordsIn } from '../../lib/json.ts';
import { bytes, formatBytes } from '../../lib/quantity.ts';
import { TOP_DOCUMENT_VERSION } from '../top/top-report.decide.ts';
import { mayShareNamespace } from './finding.decide.ts';
import type { Finding, Named } from './finding.decide.ts';

/** What the models of an InferenceService were declared to take of the memory, and what they took. */
export interface MeasuredService {
  readonly namespace: string;
  readonly name: string;
  readonly declared: number;
  readonly measured: number;
}

/** So many times as much, or as little, is worth a word, from so many bytes on: what is less is lost in what a server takes itself. */
const FAR = { times: 2, from: 64 * 1024 ** 2 };
const MIB = 1024 ** 2;

/** Reads the output of `mms top -o json`. Undefined for any other text. Pods without a measurement are left out. */
export function readMeasured(text: string): readonly MeasuredService[] | undefined {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(document) || document['version'] !== TOP_DOCUMENT_VERSION) return undefined;
  return recordsIn(document['residency']).flatMap(
    ({ namespace, name, declaredPeakBytes: declared, measuredBytes: measured }) =>
      typeof namespace === 'string' && typeof name === 'string' && isAmount(declared) && isAmount(measured)
        ? [{ namespace, name, declared, measured }]
        : [],
  );
}

function isAmount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** InferenceServices whose models take far more memory than they declare, or far less. */
export function measuredFindings<T>(
  services: readonly Named<T, InferenceService>[],
  measured: readonly MeasuredService[],
): Finding<T>[] {
  return services.flatMap(({ subject, name, namespace }): Finding<T>[] => {
    const found = measured.find((one) => one.name === name && mayShareNamespace(namespace, one.namespace));
    const message = found && messageOf(found);
    return message === undefined ? [] : [{ code: 'MMS311', subject, path: ['metadata', 'name'], message }];
  });
}

function messageOf({ declared, measured }: MeasuredService): string | undefined {
  const [less, more] = [Math.min(declared, measured), Math.max(declared, measured)];
  if (more - less < FAR.from || more < FAR.times * less) return undefined;
  const measuredText = `its models in memory declared ${inMib(declared)} together at the most, and the model server took ${inMib(measured)} for them`;
  const times =
    less === 0 ? '' : `, ${(more / less).toPrecision(2)} times as ${measured > declared ? 'much' : 'little'}`;
  return `${measuredText}${times}`;
}

function inMib(amount: number): string {
  return formatBytes(bytes(BigInt(Math.round(amount / MIB) * MIB)));
}
