import type { Explanation } from '../explanation/chain.decide.ts';
import type { LinkId } from '../explanation/links.decide.ts';
import type { Advice } from './page-documents.decide.ts';

const WORDS = { TrainedModel: 'tm', InferenceService: 'isvc', Pod: 'pod' } as const;

/** The page itself lists the models that are not loaded. */
const SHOWN_ANYWAY: ReadonlySet<LinkId> = new Set(['models-loaded']);

/**
 * The first broken link of an explanation, as the page shows it.
 *
 * @param told what the page says already: it is not said twice
 */
export function adviceOf({ kind, namespace, name, broken }: Explanation, told: string): Advice | null {
  if (broken === undefined || SHOWN_ANYWAY.has(broken.id)) return null;
  const { message, advice = '' } = broken;
  const isTold = told !== '' && (message.includes(told) || told.includes(message));
  return {
    message: isTold ? '' : message,
    advice,
    command: `mms explain ${WORDS[kind]}/${name} -n ${namespace}`,
  };
}
