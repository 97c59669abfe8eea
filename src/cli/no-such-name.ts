import { MmsError } from '../core/errors.ts';
import type { MissingName } from '../core/status-selection.ts';

/** A name on the command line that nothing in the cluster has. */
export class NoSuchNameError extends MmsError {
  readonly code = 'NO_SUCH_NAME';
  readonly retryable = false;

  /** @param where `namespace default` */
  constructor(
    { wanted, kind: asked, near }: MissingName,
    where: string,
    kind = asked ?? 'InferenceService or TrainedModel',
  ) {
    const hint =
      near.length > 0
        ? `; did you mean ${near.join(', ')}?`
        : `; mms status${where.startsWith('namespace ') ? ` -n ${where.slice(10)}` : ' -A'} lists what there is`;
    super(`there is no ${kind} ${JSON.stringify(wanted)} in ${where}${hint}`);
  }
}
