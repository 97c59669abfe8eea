import type { ModelServerAdapter, ServerHealth } from './adapter.ts';

/** Looks at servers of which none has an index before one that merely answers is taken: 30 s at five looks a second. */
const LOOKS_BEFORE_DOUBT = 150;

/**
 * One adapter out of several places where the model server may be. KServe's webhook names only the component's port,
 * which is a transformer's when there is one; the model server is the one with a model repository. Once found it stays.
 */
export function discoverModelServer(
  candidates: readonly [ModelServerAdapter, ...ModelServerAdapter[]],
): ModelServerAdapter {
  let found = candidates.length === 1 ? candidates[0] : undefined;
  let looks = 0;
  const server = () => found ?? candidates[0];
  return {
    index: () => server().index(),
    ready: (name) => server().ready(name),
    load: (name, directory, spec) => server().load(name, directory, spec),
    unload: (name) => server().unload(name),
    health: async () => {
      if (found !== undefined) return found.health();
      looks += 1;
      const healths = await Promise.all(candidates.map((candidate) => candidate.health()));
      const answering = candidates.filter((_candidate, index) => healths[index] === 'up');
      for (const candidate of answering) {
        if ((await candidate.index()) !== undefined) return take(candidate);
      }
      // A server without an index, as KServe's Python servers are, when nobody else has come up meanwhile.
      const [alone, ...more] = answering;
      if (alone !== undefined && more.length === 0 && looks > LOOKS_BEFORE_DOUBT) return take(alone);
      return healths.every((health) => health === 'gone') ? 'gone' : 'busy';
    },
  };

  function take(candidate: ModelServerAdapter): ServerHealth {
    found = candidate;
    return 'up';
  }
}
