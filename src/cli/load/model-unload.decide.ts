/** What one replica has of a model that is to go. */
export interface ReplicaRest {
  readonly pod: string;
  /** `unknown`: it could not be asked. */
  readonly state: 'gone' | 'holds' | 'unknown';
  /** Why it could not be asked. */
  readonly why?: string;
}

export interface UnloadFacts {
  /** Of the TrainedModel: another one of the name may be there already. */
  readonly object: 'there' | 'gone' | 'replaced';
  /** Whether a models.json still names it. */
  readonly listed: boolean;
  readonly replicas: readonly ReplicaRest[];
}

interface UnloadProgress {
  readonly state: 'done' | 'going' | 'replaced';
  /** One line for people. */
  readonly line: string;
}

/** How far it has come; replicas that cannot be asked are not waited for. */
export function unloadProgress({ object, listed, replicas }: UnloadFacts): UnloadProgress {
  if (object === 'replaced')
    return { state: 'replaced', line: 'a TrainedModel of this name was created again' };
  if (object === 'there') return { state: 'going', line: 'the TrainedModel is being deleted' };
  if (listed) return { state: 'going', line: 'models.json still names it' };
  const holding = replicas.filter(({ state }) => state === 'holds').length;
  return holding > 0
    ? { state: 'going', line: `${holding} of ${replicas.length} replicas still have it` }
    : { state: 'done', line: unloadedFrom(replicas) };
}

function unloadedFrom(replicas: readonly ReplicaRest[]): string {
  const unknown = replicas.filter(({ state }) => state === 'unknown');
  const [first] = unknown;
  if (replicas.length === 0) return 'deleted; no replica that runs can have it';
  if (first === undefined) return 'unloaded everywhere';
  return (
    'no models.json names it any more; whether it is unloaded is not known of ' +
    `${unknown.length} of ${replicas.length} replicas: pod ${first.pod}: ${first.why ?? 'it cannot be asked'}`
  );
}
