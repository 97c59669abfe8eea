import { predictorName } from '../../contract/names.ts';
import { predictPath } from '../../contract/model-url.ts';
import type { Group } from './groups.decide.ts';
import type { SharedPods } from './savings.decide.ts';
import { sharedMetadata } from './shared-metadata.decide.ts';

/** Something that is different for those who call or run the models. Codes are stable. */
export interface ClientChange {
  readonly code: 'Host' | 'Path' | 'Credentials' | 'BlastRadius' | 'Scaling' | 'Metadata' | 'Knative';
  readonly message: string;
}

/** What a person must know before the models of a group share pods. */
export function clientChanges({ namespace, name, members }: Group, shared: SharedPods): ClientChange[] {
  const [{ candidate }] = members;
  const { protocol, mode, predictor } = candidate;
  const account = predictor['serviceAccountName'];
  const pods = shared.replicas === 1 ? 'One pod has' : `Each of ${shared.replicas} pods has`;
  const within = namespace === '' ? '' : `.${namespace}`;
  const { leftOut } = sharedMetadata(members.map((member) => member.candidate));
  const changes: (ClientChange | undefined)[] = [
    {
      code: 'Host',
      message: `Clients call the host of ${name} (in the cluster ${predictorName(name)}${within}) instead of one host a model.`,
    },
    {
      code: 'Path',
      message: `The path stays, and so does the protocol (${protocol}): ${predictPath('<name>', protocol)}.`,
    },
    {
      code: 'Credentials',
      message: `Service account ${typeof account === 'string' && account !== '' ? account : 'default'} fetches all ${members.length} models. Who may call one host may call all models at it.`,
    },
    {
      code: 'BlastRadius',
      message: `${pods} all ${members.length} models: when one makes the server fail or run out of memory, all of that pod are away until it is back.`,
    },
    {
      code: 'Scaling',
      message: 'They scale together: by the load of all, and none to zero alone.',
    },
    leftOut.length === 0
      ? undefined
      : {
          code: 'Metadata',
          message: `Labels and annotations that not all have alike are left out: ${leftOut.join(', ')}.`,
        },
    mode === 'Knative'
      ? {
          code: 'Knative',
          message:
            'They run by Knative. The shared InferenceService does too; what leads to the hosts of the old ones (Routes, DomainMappings) must be changed by hand.',
        }
      : undefined,
  ];
  return changes.filter((change) => change !== undefined);
}
