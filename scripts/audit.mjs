/**
 * `npm run audit`: known faults of what the package depends on when it runs, by `npm audit`. A finding that has to stay for now
 * is listed in scripts/audit-allowed.json with a reason and a last day; after it the finding fails again. Where the registry
 * answers no audits this says so, and nothing is found out.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { readIfThere, root, runMain, say, SetupError } from './run.mjs';

await runMain(() => {
  const allowed = JSON.parse(readIfThere(join(root, 'scripts', 'audit-allowed.json')) ?? '[]');
  const report = npmAudit();
  if (report.vulnerabilities === undefined) {
    // npm's own words for a registry without the endpoint, a proxy in between, or no network.
    say(`not audited: the registry gave no answer to the audit (${report.message ?? 'it said nothing'})`);
    say(
      'Run `npm run audit` where npm reaches a registry that answers it, such as https://registry.npmjs.org.',
    );
    return 0;
  }
  const today = new Date().toISOString().slice(0, 10);
  const findings = findingsIn(report);
  const stay = findings.filter((finding) => !isAllowed(finding, allowed, today));
  for (const { id, name, severity, title } of stay) say(`${severity}: ${name}: ${title} (${id})`);
  for (const entry of allowed) {
    if (!findings.some(({ id }) => id === entry.id))
      say(`${entry.id} is allowed and not found any more: remove it`);
  }
  if (stay.length === 0) {
    say(`audited: nothing is known of ${report.metadata.dependencies.prod} packages but what is allowed`);
    return 0;
  }
  say('Update the packages, or list a finding in scripts/audit-allowed.json: {"id", "until", "reason"}.');
  return 1;
});

function npmAudit() {
  const { stdout, error } = spawnSync('npm', ['audit', '--omit=dev', '--json'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (error !== undefined) throw new SetupError(`npm cannot be started: ${error.message}`);
  try {
    return JSON.parse(stdout);
  } catch {
    return {};
  }
}

/** Each advisory once; a package that only depends on one with a fault names it by its package. */
function findingsIn({ vulnerabilities }) {
  const byId = new Map();
  for (const { name, via } of Object.values(vulnerabilities)) {
    for (const cause of via) {
      if (typeof cause === 'string') continue;
      const id = cause.url.split('/').at(-1);
      byId.set(id, { id, name, severity: cause.severity, title: cause.title });
    }
  }
  return [...byId.values()];
}

/** `until` is the last day, as 2027-01-31. */
function isAllowed({ id }, allowed, today) {
  return allowed.some((entry) => entry.id === id && entry.reason !== undefined && entry.until >= today);
}
