import type { ModelTarget } from '../../contract/model-target.ts';
import type { ModelAvailability } from '../residency/waker.ts';

/** How a request goes on whose model may sleep. */
export type Onward =
  /** At once, and it uses no model that could be unloaded. */
  | 'passes'
  /** At once, and its model stays in memory until the answer is over. */
  | 'enters'
  /** Once its model is in memory. */
  | 'waits'
  /** The agent answers by itself: what is asked about a sleeping model does not wake it. */
  | 'answered';

/** Decides it by what is asked of the model, and by how that model is at this moment. */
export function onwardOf(ask: ModelTarget['ask'], { kind }: ModelAvailability): Onward {
  if (ask !== 'inference') return kind === 'asleep' ? 'answered' : 'passes';
  if (kind === 'loaded') return 'enters';
  // The model server has its own words for a model that it does not know.
  return kind === 'unknown' ? 'passes' : 'waits';
}
