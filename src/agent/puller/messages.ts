import type { SourceSettings } from '../sources/settings.ts';
import type { PullProgress, PullRequest, PullResult } from './contract.ts';

/** A message to the puller's process. `pull` is a unique number for each pull, since ids may repeat. */
export type ToPuller =
  | { readonly type: 'configure'; readonly settings: SourceSettings }
  | { readonly type: 'pull'; readonly pull: number; readonly request: PullRequest }
  | { readonly type: 'abort'; readonly pull: number };

export type FromPuller =
  | { readonly type: 'progress'; readonly pull: number; readonly progress: PullProgress }
  | { readonly type: 'result'; readonly pull: number; readonly result: PullResult };
