import {
  FORMER_WEBHOOK_CONFIGURATION,
  MANAGER_DEPLOYMENT,
  PART_OF,
  WEBHOOK_CERTIFICATE_SECRET,
  WEBHOOK_CONFIGURATION,
  WEBHOOK_SERVICE,
} from '../../contract/names.ts';
import { check } from './checks.decide.ts';
import type { Check } from './checks.decide.ts';
import { rightsCheck } from './rights.decide.ts';
import type { RightFacts } from './rights.decide.ts';

/** What the manager does with one kind of object; a test holds the list to manifests/rbac. */
export interface ManagerRights {
  readonly group: string;
  /** With its subresource after a slash. */
  readonly resource: string;
  readonly verbs: readonly string[];
  /** Of this object only. */
  readonly name?: string;
  /** In the manager's own namespace only. */
  readonly own?: true;
  /** The setting, or the use, of a manager that does without. */
  readonly unless?: string;
}

const LOOK = ['get', 'list', 'watch'] as const;
const WEBHOOKS = ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'] as const;
const OTHER_CERTIFICATE = '--certificate=external';
const NO_FOLD = 'you do not use mms fold --apply';
const NO_STATUS = '--trained-model-status=off';

/** Of every manager. What `--predictors` and a takeover ask for besides comes with their own manifests. */
export const MANAGER_RIGHTS: readonly ManagerRights[] = [
  { group: 'serving.kserve.io', resource: 'inferenceservices', verbs: LOOK },
  { group: 'serving.kserve.io', resource: 'trainedmodels', verbs: LOOK },
  { group: 'serving.kserve.io', resource: 'inferenceservices/finalizers', verbs: ['update'] },
  { group: 'serving.kserve.io', resource: 'trainedmodels/status', verbs: ['patch'], unless: NO_STATUS },
  { group: '', resource: 'events', verbs: ['create', 'patch'], unless: NO_STATUS },
  { group: '', resource: 'configmaps', verbs: [...LOOK, 'create', 'update', 'delete'] },
  { group: '', resource: 'pods', verbs: ['list', 'watch'] },
  { group: '', resource: 'pods', verbs: ['patch'], unless: '--no-propagate' },
  { group: '', resource: 'services', verbs: ['get'], unless: NO_FOLD },
  {
    group: 'discovery.k8s.io',
    resource: 'endpointslices',
    verbs: ['list', 'create', 'patch', 'delete'],
    unless: NO_FOLD,
  },
  { group: '', resource: 'serviceaccounts', verbs: LOOK },
  { group: '', resource: 'secrets', verbs: ['get'], unless: '--no-inject-credentials' },
  { group: 'coordination.k8s.io', resource: 'leases', verbs: ['create'], own: true },
  { group: 'coordination.k8s.io', resource: 'leases', verbs: ['get', 'update'], name: PART_OF, own: true },
  { group: '', resource: 'secrets', verbs: LOOK, name: WEBHOOK_CERTIFICATE_SECRET, own: true },
  { group: '', resource: 'secrets', verbs: ['create'], own: true, unless: OTHER_CERTIFICATE },
  {
    ...{ group: '', resource: 'secrets', verbs: ['update'], name: WEBHOOK_CERTIFICATE_SECRET, own: true },
    unless: OTHER_CERTIFICATE,
  },
  { group: 'apps', resource: 'deployments', verbs: LOOK, name: MANAGER_DEPLOYMENT, own: true },
  { group: '', resource: 'services/proxy', verbs: ['get'], name: `https:${WEBHOOK_SERVICE}:443`, own: true },
  { group: 'discovery.k8s.io', resource: 'endpointslices', verbs: ['list'], own: true },
  ...WEBHOOKS.flatMap((resource): ManagerRights[] => {
    const group = 'admissionregistration.k8s.io';
    return [
      { group, resource, verbs: ['get', 'update'], name: WEBHOOK_CONFIGURATION },
      { group, resource, verbs: ['get', 'update', 'delete'], name: FORMER_WEBHOOK_CONFIGURATION },
    ];
  }),
];

/** Whether the manager may do all that it does; `undefined` where its service account is unknown. */
export function managerRightsCheck(rights: readonly RightFacts[] | undefined): Check {
  const id = 'manager-may-work';
  if (rights === undefined)
    return check(id, { outcome: 'unknown', message: 'without a Deployment its service account is unknown' });
  return rightsCheck(id, rights, { who: 'the manager', fine: 'the manager may do all that it does' });
}
