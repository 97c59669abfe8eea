import type { ModelServerAdapter, ServerHealth } from './adapter.ts';

/**
 * Looks at a component that listens, and no index found, before a server that merely answers is taken: 30 s at five looks
 * a second.
 */
const LOOKS_BEFORE_DOUBT = 150;

/**
 * One adapter out of several places where the model server may be. KServe's webhook names only the component's port,
 * which is a transformer's when there is one; the model server is the one with a model repository. Once found it stays.
 * The first candidate is the component, which is sure to come: nothing is decided before something listens there, since
 * whatever listens at the others may be no part of this.
 */
export function discoverModelServer(
  candidates: readonly [ModelServerAdapter, ...ModelServerAdapter[]],
): ModelServerAdapter {
  let found = candidates.length === 1 ? candidates[0] : undefined;
  let looks = 0;
  const server = () => found ?? candidates[0];
  return {
    index: () => server().index(),
    saysRepository: () => server().saysRepository(),
    ready: (name) => server().ready(name),
    load: (name, directory, spec) => server().load(name, directory, spec),
    unload: (name) => server().unload(name),
    memory: () => server().memory(),
    loadsAllAtStart: () => server().loadsAllAtStart(),
    health: async () => {
      if (found !== undefined) return found.health();
      const healths = await Promise.all(candidates.map((candidate) => candidate.health()));
      if (healths.every((health) => health === 'gone')) return 'gone';
      const [component] = healths;
      if (component === 'gone') return 'busy';
      looks += 1;
      const inDoubt = looks > LOOKS_BEFORE_DOUBT;
      if (component === 'busy' && !inDoubt) return 'busy';
      const answering = candidates.filter((_candidate, index) => healths[index] === 'up');
      const repositories = await Promise.all(answering.map(repositoryOf));
      const indexed = answering.find((_candidate, index) => repositories[index] === 'indexed');
      if (indexed !== undefined) return take(indexed);
      // Servers without an index, as KServe's Python servers are. A transformer made with KServe's library says of itself
      // what they say, so of two that say it the component is the transformer, and a component alone may still be.
      const said = answering.find(
        (candidate, index) => candidate !== candidates[0] && repositories[index] === 'said',
      );
      if (said !== undefined) return take(said);
      // The component before the others.
      const [first] = answering;
      return first !== undefined && inDoubt ? take(first) : 'busy';
    },
  };

  async function repositoryOf(candidate: ModelServerAdapter): Promise<'indexed' | 'said' | 'none'> {
    const [index, said] = await Promise.all([candidate.index(), candidate.saysRepository()]);
    if (index !== undefined) return 'indexed';
    return said ? 'said' : 'none';
  }

  function take(candidate: ModelServerAdapter): ServerHealth {
    found = candidate;
    return 'up';
  }
}
