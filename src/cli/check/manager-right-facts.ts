import type { RawObject } from './installed-checks.decide.ts';
import { MANAGER_RIGHTS } from './manager-rights.decide.ts';
import type { ManagerRights } from './manager-rights.decide.ts';
import type { RightFacts } from './rights.decide.ts';
import { isRecord } from '../../lib/json.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { SUBJECT_ACCESS_REVIEWS } from '../../kube/resources.ts';
import { reviewed } from './access-review.ts';

/**
 * Asks the API server, right by right, what the manager of this Deployment may do; undefined without one, since it is unknown
 * as whom it runs then.
 */
export async function readManagerRights(
  client: ApiClient,
  namespace: string,
  deployment: RawObject | undefined,
): Promise<readonly RightFacts[] | undefined> {
  if (deployment === undefined) return undefined;
  const account = { namespace, name: serviceAccountOf(deployment) };
  return Promise.all(
    MANAGER_RIGHTS.flatMap((rights) => rights.verbs.map((verb) => readRight(client, account, rights, verb))),
  );
}

interface Account {
  readonly namespace: string;
  readonly name: string;
}

function serviceAccountOf({ spec }: RawObject): string {
  const template = isRecord(spec) ? spec['template'] : undefined;
  const pod = isRecord(template) ? template['spec'] : undefined;
  const name = isRecord(pod) ? pod['serviceAccountName'] : undefined;
  return typeof name === 'string' ? name : 'default';
}

async function readRight(
  client: ApiClient,
  { namespace, name: account }: Account,
  { group, resource: path, name, own, unless }: ManagerRights,
  verb: string,
): Promise<RightFacts> {
  const [resource = '', subresource] = path.split('/');
  const resourceAttributes = {
    ...{ verb, group, resource },
    ...(subresource !== undefined && { subresource }),
    ...(name !== undefined && { name }),
    ...(own === true && { namespace }),
  };
  const allowed = await reviewed(
    client.create(SUBJECT_ACCESS_REVIEWS, {
      metadata: { name: '' },
      spec: {
        user: `system:serviceaccount:${namespace}:${account}`,
        groups: groupsOf(namespace),
        resourceAttributes,
      },
    }),
  );
  return {
    right: [
      verb,
      path,
      ...(name === undefined ? [] : [name]),
      ...(own === true ? [`in ${namespace}`] : []),
    ].join(' '),
    unless,
    allowed,
  };
}

/** Of every ServiceAccount: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#service-account-tokens */
function groupsOf(namespace: string): readonly string[] {
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
}
