import { predictorName } from '../../contract/names.ts';
import { predictPath } from '../../contract/model-url.ts';
import type { Group } from './groups.decide.ts';
import type { SharedPods } from './savings.decide.ts';
import { sharedMetadata } from './shared-metadata.decide.ts';

/** A change for those who call or run the models. Codes are stable. */
export interface ClientChange {
  readonly code: 'Host' | 'Path' | 'Credentials' | 'BlastRadius' | 'Scaling' | 'Metadata' | 'Knative';
  readonly message: string;
}

/** What users must know before the models of a group share pods. */
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
      message: `Clients call the host of ${name} (in the cluster ${predictorName(name)}${within}) instead of one host per model.`,
    },
    {
      code: 'Path',
      message: `The path stays, and so does the protocol (${protocol}): ${predictPath('<name>', protocol)}.`,
    },
    {
      code: 'Credentials',
      message: `Service account ${typeof account === 'string' && account !== '' ? account : 'default'} fetches all ${members.length} models. Clients that may call one host may call all models behind it.`,
    },
    {
      code: 'BlastRadius',
      message: `${pods} all ${members.length} models: if one makes the server fail or run out of memory, all models of that pod are unavailable until it is back.`,
    },
    {
      code: 'Scaling',
      message: 'They scale together, with their total load; none scales to zero alone.',
    },
    leftOut.length === 0
      ? undefined
      : {
          code: 'Metadata',
          message: `Labels and annotations that differ are left out: ${leftOut.join(', ')}.`,
        },
    mode === 'Knative'
      ? {
          code: 'Knative',
          message:
            'They use Knative. The shared InferenceService does too; change the Routes and DomainMappings to the old hosts by hand.',
        }
      : undefined,
  ];
  return changes.filter((change) => change !== undefined);
}
