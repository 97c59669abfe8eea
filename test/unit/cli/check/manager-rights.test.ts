import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { MANAGER_RIGHTS } from '../../../../src/cli/check/manager-rights.decide.ts';
import { manifests } from '../../../support/rendered.ts';

interface Role {
  readonly kind: string;
  readonly rules: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
    readonly resourceNames?: readonly string[];
  }[];
}

function rolesIn(file: string): Role[] {
  return parseAllDocuments(readFileSync(manifests(`rbac/${file}`), 'utf8'))
    .map((document) => document.toJS() as Role)
    .filter(({ kind }) => kind === 'Role' || kind === 'ClusterRole');
}

/** One line for each permission: where, verb, group, resource and name. */
function grantedBy({ kind, rules }: Role): string[] {
  const where = kind === 'Role' ? 'own' : 'all';
  return rules.flatMap(({ apiGroups, resources, verbs, resourceNames = [''] }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        verbs.flatMap((verb) => resourceNames.map((name) => [where, verb, group, resource, name].join(' '))),
      ),
    ),
  );
}

describe('the permissions that mms check asks for', () => {
  it('are those in the manifests', () => {
    const asked = MANAGER_RIGHTS.flatMap(({ group, resource, verbs, name = '', own }) =>
      verbs.map((verb) => [own === true ? 'own' : 'all', verb, group, resource, name].join(' ')),
    );
    const given = ['cluster-role.yaml', 'role.yaml', 'certificate.yaml'].flatMap((file) =>
      rolesIn(file).flatMap(grantedBy),
    );
    expect(asked.sort()).toEqual(given.sort());
  });
});
