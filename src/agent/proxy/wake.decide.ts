import type { ModelTarget } from '../../contract/model-target.ts';
import type { ModelAvailability } from '../residency/waker.ts';

/** How a request for a model that may be asleep proceeds. */
export type Onward =
  /** At once, and it uses no model that could be unloaded. */
  | 'passes'
  /** At once, and its model stays in memory until the answer is over. */
  | 'enters'
  /** Once its model is in memory. */
  | 'waits'
  /** The agent answers itself: a question about a sleeping model does not wake it. */
  | 'answered';

/** Decides it by what is asked of the model, and by the model's current state. */
export function onwardOf(ask: ModelTarget['ask'], { kind }: ModelAvailability): Onward {
  if (ask !== 'inference') return kind === 'asleep' ? 'answered' : 'passes';
  if (kind === 'loaded') return 'enters';
  // The model server has its own message for an unknown model.
  return kind === 'unknown' ? 'passes' : 'waits';
}
