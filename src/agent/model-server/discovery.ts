import type { ModelServerAdapter, ServerHealth } from './adapter.ts';

/**
 * How often to check a component that listens, without finding an index, before accepting a server that merely answers:
 * 30 s at five checks a second.
 */
const LOOKS_BEFORE_DOUBT = 150;

/**
 * One adapter for several places where the model server may be. KServe's webhook names only the component's port,
 * which is a transformer's when there is one. The model server is the one with a model repository. The choice is final.
 * The first candidate is the component, which is certain to start. Nothing is decided before it listens, because
 * listeners at the other ports may not belong to this pod's model server.
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
      // Some servers have no index, for example KServe's Python servers. A transformer made with KServe's library
      // reports the same as they do. If two report it, the component is the transformer; if the component alone does,
      // it may be either.
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
