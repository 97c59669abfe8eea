import type { Base } from './base.ts';
import type { BundledPackage } from './bundled.ts';
import type { Platform } from './platform.ts';

export interface Contents {
  readonly version: string;
  readonly licence: string;
  readonly base: Base;
  readonly platform: Platform;
  readonly bundled: readonly BundledPackage[];
}

/**
 * The bill of materials, CycloneDX 1.6 JSON: the npm packages in the bundles, Node, and the Debian packages. It has no
 * time and no serial number, so that the same contents have the same bill. Source: CycloneDX specification 1.6.
 */
export function billOfMaterials({ version, licence, base, platform, bundled }: Contents): string {
  const bill = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: {
        type: 'application',
        'bom-ref': `pkg:npm/kserve-mms@${version}`,
        name: 'kserve-mms',
        version,
        purl: `pkg:npm/kserve-mms@${version}`,
        licenses: [{ license: { id: licence } }],
      },
    },
    components: [
      nodeComponent(base, platform),
      ...base.debian.packages.map((one) => debianComponent(one, base, platform)),
      ...bundled.map(npmComponent),
    ],
  };
  return `${JSON.stringify(bill, undefined, 2)}\n`;
}

function nodeComponent({ node }: Base, { architecture }: Platform): object {
  const { name, integrity } = node.packages[architecture];
  return {
    type: 'application',
    ...reference(`pkg:npm/${name}@${node.version}`),
    name: 'node',
    version: node.version,
    // By this, scanners find the advisories for Node and what it is made of.
    cpe: `cpe:2.3:a:nodejs:node.js:${node.version}:*:*:*:*:*:*:*`,
    hashes: [hashOf(integrity)],
    licenses: [{ license: { id: 'MIT' } }],
  };
}

function debianComponent(
  { name, version, sha256 }: Base['debian']['packages'][number],
  { debian }: Base,
  { architecture }: Platform,
): object {
  const qualifiers = `arch=${architecture}&distro=debian-${debian.release}`;
  return {
    type: 'library',
    ...reference(`pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?${qualifiers}`),
    name,
    version,
    hashes: [{ alg: 'SHA-256', content: sha256[architecture] }],
  };
}

function npmComponent({ name, version, licence, integrity }: BundledPackage): object {
  const slash = name.startsWith('@') ? name.indexOf('/') : -1;
  return {
    type: 'library',
    ...reference(`pkg:npm/${name.replace('@', '%40')}@${version}`),
    ...(slash < 0 ? {} : { group: name.slice(0, slash) }),
    name: name.slice(slash + 1),
    version,
    hashes: [hashOf(integrity)],
    licenses: [/[ (]/.test(licence) ? { expression: licence } : { license: { id: licence } }],
  };
}

/** Package URLs are how scanners know a package. Source: the package URL specification. */
function reference(purl: string): { 'bom-ref': string; purl: string } {
  return { 'bom-ref': purl, purl };
}

/** Subresource integrity as CycloneDX has it. */
function hashOf(integrity: string): { alg: string; content: string } {
  const dash = integrity.indexOf('-');
  return {
    alg: integrity.slice(0, dash).replace('sha', 'SHA-'),
    content: Buffer.from(integrity.slice(dash + 1), 'base64').toString('hex'),
  };
}
