import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One write as the API server recorded it. */
export interface AuditedWrite {
  readonly userAgent: string;
  readonly verb: string;
  readonly resource: string;
  readonly name: string;
  /** HTTP status. */
  readonly code: number;
}

/** The API server's own record of who wrote what. */
export interface AuditLog {
  /** For the API server. */
  readonly flags: readonly string[];
  /** All writes so far. */
  writes(): Promise<AuditedWrite[]>;
  remove(): Promise<void>;
}

const POLICY = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
  - level: Metadata
    verbs: [create, update, patch, delete, deletecollection]
  - level: None
`;

interface AuditEvent {
  readonly userAgent?: string;
  readonly verb: string;
  readonly objectRef?: { readonly resource?: string; readonly name?: string };
  readonly responseStatus?: { readonly code?: number };
}

/** https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/ */
export async function auditLog(): Promise<AuditLog> {
  const directory = await mkdtemp(join(tmpdir(), 'mms-audit-'));
  const [policy, log] = [join(directory, 'policy.yaml'), join(directory, 'audit.log')];
  await writeFile(policy, POLICY);
  return {
    flags: [`--audit-policy-file=${policy}`, `--audit-log-path=${log}`, '--audit-log-mode=blocking'],
    async writes() {
      const lines = (await readFile(log, 'utf8')).split('\n').filter((line) => line.endsWith('}'));
      return lines.map((line) => readEvent(JSON.parse(line) as AuditEvent));
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

function readEvent({ userAgent, verb, objectRef, responseStatus }: AuditEvent): AuditedWrite {
  return {
    userAgent: userAgent ?? '',
    verb,
    resource: objectRef?.resource ?? '',
    name: objectRef?.name ?? '',
    code: responseStatus?.code ?? 0,
  };
}
