import type { Explanation } from '../explanation/chain.decide.ts';
import type { LinkId } from '../explanation/links.decide.ts';
import type { Advice } from './page-documents.decide.ts';

const WORDS = { TrainedModel: 'tm', InferenceService: 'isvc', Pod: 'pod' } as const;

/** The page itself lists the models that are not loaded. */
const SHOWN_ANYWAY: ReadonlySet<LinkId> = new Set(['models-loaded']);

/**
 * The first broken link of an explanation, for the page.
 * @param shown what the page shows already, which is not repeated
 */
export function adviceOf({ kind, namespace, name, broken }: Explanation, shown: string): Advice | null {
  if (broken === undefined || SHOWN_ANYWAY.has(broken.id)) return null;
  const { message, advice = '' } = broken;
  const isShown = shown !== '' && (message.includes(shown) || shown.includes(message));
  return {
    message: isShown ? '' : message,
    advice,
    command: `mms explain ${WORDS[kind]}/${name} -n ${namespace}`,
  };
}
