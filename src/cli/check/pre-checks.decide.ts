import { age } from '../../lib/age.ts';
import type { EpochMs } from '../../lib/clock.ts';
import type { LeaseFacts } from '../../explanation/facts.decide.ts';
import { isStale } from '../../explanation/installation-steps.decide.ts';
import { isRecord, recordsIn } from '../../lib/json.ts';
import type { Lookup } from '../../lib/lookup.ts';
import { isTakeoverIdentity } from '../../contract/kserve-controller.ts';
import { DEFAULT_AGENT_IMAGE } from '../../contract/names.ts';
import { check } from './checks.decide.ts';
import type { Check } from './checks.decide.ts';
import { definitionsCheck } from './installed-checks.decide.ts';
import type { DefinitionFacts, RawObject } from './installed-checks.decide.ts';
import { rightsCheck } from './rights.decide.ts';
import type { RightFacts } from './rights.decide.ts';

export interface PreFacts {
  /** As the API server reports it: `v1.36.3`. */
  readonly serverVersion: Lookup<string>;
  readonly rights: readonly RightFacts[];
  readonly definitions: DefinitionFacts;
  /** Its holder is KServe's controllers, or a manager of ours that took over. */
  readonly kserveLease: Lookup<LeaseFacts | undefined>;
  /** cert-manager's definition of certificates. */
  readonly certificates: Lookup<RawObject | undefined>;
  readonly nodes: Lookup<readonly RawObject[]>;
  readonly now: EpochMs;
}

/** Whether, and how, a cluster can have the manager installed. */
export function preChecks(facts: PreFacts): readonly Check[] {
  return [
    versionCheck(facts.serverVersion),
    mayInstallCheck(facts.rights),
    kserveCheck(facts),
    certManagerCheck(facts.certificates),
    imageCheck(facts.nodes),
  ];
}

/** In it `matchConditions` of webhooks became stable: https://kubernetes.io/blog/2024/04/17/kubernetes-v1-30-release/ */
const LEAST_MINOR = 30;

function versionCheck(version: PreFacts['serverVersion']): Check {
  const id = 'kubernetes-supported';
  if (version.kind === 'unreadable') return check(id, { outcome: 'unknown', message: version.why });
  const said = `the API server is Kubernetes ${version.value}`;
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version.value) ?? [];
  if (major === undefined) return check(id, { outcome: 'unknown', message: `${said}, which is no version` });
  const supported = Number(major) > 1 || (major === '1' && Number(minor) >= LEAST_MINOR);
  return check(id, { outcome: supported ? 'ok' : 'failed', message: said });
}

function mayInstallCheck(rights: PreFacts['rights']): Check {
  const fine = `you may: ${rights.map(({ right }) => right).join(', ')}`;
  return rightsCheck('may-install', rights, { who: 'you', fine });
}

function kserveCheck({ definitions, kserveLease, now }: PreFacts): Check {
  const id = 'kserve-found';
  if (kserveLease.kind === 'unreadable') return check(id, { outcome: 'unknown', message: kserveLease.why });
  const controller = kserveController(kserveLease.value, now);
  if (controller !== undefined) return check(id, { outcome: 'ok', message: controller });
  const found = definitionsCheck(definitions);
  if (found.outcome === 'unknown') return check(id, { outcome: 'unknown', message: found.message });
  const message =
    found.outcome === 'ok'
      ? "KServe's kinds are defined, and its controller does not run: install manifests/default"
      : 'there is no KServe: install manifests/default, which brings the definitions';
  return check(id, { outcome: 'ok', message });
}

/** What to install where KServe's controller runs, or ran; undefined where it does not. */
function kserveController(lease: LeaseFacts | undefined, now: EpochMs): string | undefined {
  if (lease === undefined || lease.holder === '' || isTakeoverIdentity(lease.holder)) return undefined;
  const { holder, renewTime } = lease;
  if (!isStale(lease, now))
    return `KServe's controller runs (${holder}): install manifests/overlays/beside-kserve`;
  return (
    `KServe's controller last renewed its Lease ${age(renewTime, now)} ago (${holder}): if it is to run again, install ` +
    'manifests/overlays/beside-kserve; if it is gone for good, manifests/default'
  );
}

function certManagerCheck(certificates: PreFacts['certificates']): Check {
  const id = 'cert-manager-found';
  if (certificates.kind === 'unreadable') return check(id, { outcome: 'unknown', message: certificates.why });
  const message =
    certificates.value === undefined
      ? 'cert-manager is not installed; the manager makes its own certificate'
      : 'cert-manager is installed; manifests/overlays/cert-manager has it make the certificate';
  return check(id, { outcome: 'ok', message });
}

/**
 * Nodes list up to 50 of the images that they have (https://kubernetes.io/docs/reference/node/node-status/#images). Whether one
 * that they have not can be pulled depends on their network and credentials, which no dry run shows.
 */
function imageCheck(nodes: PreFacts['nodes']): Check {
  const id = 'image-on-nodes';
  if (nodes.kind === 'unreadable') return check(id, { outcome: 'unknown', message: nodes.why });
  const having = nodes.value.filter(({ status }) => imagesIn(status).some(isManagerImage)).length;
  const all = nodes.value.length;
  if (all > 0 && having === all)
    return check(id, { outcome: 'ok', message: `every node has ${DEFAULT_AGENT_IMAGE}` });
  return check(id, {
    outcome: 'unknown',
    message:
      `${having} of ${all} nodes list ${DEFAULT_AGENT_IMAGE}; whether the others can pull it, or the one that you name in ` +
      'its place (docs/install.md), shows only once it is installed: until a replica is ready, no pod is refused',
  });
}

function imagesIn(status: unknown): readonly string[] {
  const images = recordsIn(isRecord(status) ? status['images'] : undefined);
  return images
    .flatMap(({ names }) => (Array.isArray(names) ? (names as readonly unknown[]) : []))
    .map(String);
}

/** Container runtimes write short names out. */
function isManagerImage(name: string): boolean {
  return name === DEFAULT_AGENT_IMAGE || name === `docker.io/library/${DEFAULT_AGENT_IMAGE}`;
}
