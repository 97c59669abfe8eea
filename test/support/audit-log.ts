import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** One request as the API server recorded it. */
export interface AuditedWrite {
  readonly userAgent: string;
  readonly verb: string;
  readonly resource: string;
  readonly name: string;
  /** HTTP status. */
  readonly code: number;
  /** Characters of the sent object or patch if bodies are recorded, otherwise 0. */
  readonly size: number;
}

/** The API server's own record of all writes. */
export interface AuditLog {
  /** For the API server. */
  readonly flags: readonly string[];
  /** All that is recorded so far. */
  writes(): Promise<AuditedWrite[]>;
  remove(): Promise<void>;
}

/** Records only writes, or every request, with the bodies of those for ConfigMaps. */
export type AuditScope = 'writes' | 'requests';

const RULES: Readonly<Record<AuditScope, string>> = {
  writes: `  - level: Metadata
    verbs: [create, update, patch, delete, deletecollection]
  - level: None
`,
  requests: `  - level: Request
    verbs: [create, update, patch]
    resources: [{ group: '', resources: [configmaps] }]
  - level: Metadata
`,
};

const policyOf = (scope: AuditScope): string => `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
${RULES[scope]}`;

interface AuditEvent {
  readonly userAgent?: string;
  readonly verb: string;
  readonly objectRef?: { readonly resource?: string; readonly name?: string };
  readonly responseStatus?: { readonly code?: number };
  readonly requestObject?: unknown;
}

/** https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/ */
export async function auditLog(scope: AuditScope = 'writes'): Promise<AuditLog> {
  const directory = await mkdtemp(join(tmpdir(), 'mms-audit-'));
  const [policy, log] = [join(directory, 'policy.yaml'), join(directory, 'audit.log')];
  await writeFile(policy, policyOf(scope));
  return {
    flags: [`--audit-policy-file=${policy}`, `--audit-log-path=${log}`, '--audit-log-mode=blocking'],
    async writes() {
      const read: AuditedWrite[] = [];
      // Read by line, because with bodies the whole exceeds the maximal length of a string.
      for await (const line of createInterface({ input: createReadStream(log), crlfDelay: Infinity })) {
        if (line.endsWith('}')) read.push(readEvent(JSON.parse(line) as AuditEvent));
      }
      return read;
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

function readEvent({ userAgent, verb, objectRef, responseStatus, requestObject }: AuditEvent): AuditedWrite {
  return {
    userAgent: userAgent ?? '',
    verb,
    resource: objectRef?.resource ?? '',
    name: objectRef?.name ?? '',
    code: responseStatus?.code ?? 0,
    size: requestObject === undefined ? 0 : JSON.stringify(requestObject).length,
  };
}
