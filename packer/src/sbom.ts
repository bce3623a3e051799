// The bill of materials of an image, as SPDX 2.3 in JSON: every Debian package, and every npm package of which something
// was bundled. The same image gives the same bytes.
import { createHash } from 'node:crypto';

/** A Debian package of the image. `sha256`: of its .deb. `source`: the source package, where it is another one. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly sha256: string;
  readonly source?: { readonly name: string; readonly version: string };
}

/** An npm package of the image. `sha512` in hexadecimal. `licence`: an SPDX expression. */
export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  readonly sha512?: string;
  readonly licence?: string;
}

/** The image that is described. `sourceDateEpoch` in seconds. */
export interface SbomSubject {
  readonly role: string;
  readonly version: string;
  readonly architecture: string;
  readonly sourceDateEpoch: number;
}

const unknown = 'NOASSERTION';
const licenceExpression = /^\(?[A-Za-z0-9.+-]+(?: (?:AND|OR|WITH) [A-Za-z0-9.+-]+)*\)?$/;

function licenceOf(text: string | undefined): string {
  return text !== undefined && licenceExpression.test(text) ? text : unknown;
}

/** A part of a package URL: percent-encoded but for the colon (purl specification, "Character encoding"). */
function purlPart(text: string): string {
  return encodeURIComponent(text).replaceAll('%3A', ':');
}

function byCodeUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function reference(locator: string): object[] {
  return [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: locator }];
}

interface SpdxPackage {
  readonly SPDXID: string;
  readonly [member: string]: unknown;
}

/** Letters, digits, dots and hyphens only: what an SPDX id may hold. Two names that would meet are told apart by a hash. */
function spdxId(kind: string, ...parts: readonly string[]): string {
  const text = parts.join('-');
  const plain = text.replaceAll(/[^A-Za-z0-9.-]/g, '-');
  const suffix = plain === text ? '' : `-${createHash('sha256').update(text).digest('hex').slice(0, 8)}`;
  return `SPDXRef-${kind}-${plain}${suffix}`;
}

const common = { downloadLocation: unknown, filesAnalyzed: false, licenseConcluded: unknown, copyrightText: unknown };

function debianPackage({ name, version, architecture, sha256, source }: DebianPackage): SpdxPackage {
  const qualifiers = `arch=${purlPart(architecture)}&distro=bookworm`;
  return {
    SPDXID: spdxId('deb', name, version, architecture),
    name,
    versionInfo: version,
    ...common,
    licenseDeclared: unknown,
    supplier: 'Organization: Debian',
    sourceInfo: `built from source package ${source?.name ?? name} ${source?.version ?? version}`,
    checksums: [{ algorithm: 'SHA256', checksumValue: sha256 }],
    externalRefs: reference(`pkg:deb/debian/${purlPart(name)}@${purlPart(version)}?${qualifiers}`),
  };
}

function npmPackage({ name, version, sha512, licence }: NpmPackage): SpdxPackage {
  const path = name.split('/').map(purlPart).join('/');
  return {
    SPDXID: spdxId('npm', name, version),
    name,
    versionInfo: version,
    ...common,
    licenseDeclared: licenceOf(licence),
    ...(sha512 === undefined ? {} : { checksums: [{ algorithm: 'SHA512', checksumValue: sha512 }] }),
    externalRefs: reference(`pkg:npm/${path}@${purlPart(version)}`),
  };
}

/** Name-based UUID (RFC 9562, version 8) of a text. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Text of the SPDX document (`<role>.spdx.json`). The order of the packages given does not matter. */
export function sbomText(
  subject: SbomSubject,
  packages: { readonly debian: readonly DebianPackage[]; readonly npm: readonly NpmPackage[] },
): string {
  const name = `isthmus-${subject.role}-${subject.version}-${subject.architecture}`;
  const parts = [...packages.debian.map(debianPackage), ...packages.npm.map(npmPackage)].sort((a, b) =>
    byCodeUnits(a.SPDXID, b.SPDXID),
  );
  const root: SpdxPackage = {
    SPDXID: 'SPDXRef-image',
    name: `isthmus-${subject.role}`,
    versionInfo: subject.version,
    ...common,
    licenseDeclared: unknown,
    primaryPackagePurpose: 'OPERATING-SYSTEM',
  };
  const relationships = [
    { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: root.SPDXID },
    ...parts.map(({ SPDXID }) => ({
      spdxElementId: root.SPDXID,
      relationshipType: 'CONTAINS',
      relatedSpdxElement: SPDXID,
    })),
  ];
  const document = {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name,
    documentNamespace: `urn:uuid:${uuidOf(JSON.stringify([subject, parts]))}`,
    creationInfo: {
      created: new Date(subject.sourceDateEpoch * 1000).toISOString().replace('.000Z', 'Z'),
      creators: [`Tool: isthmus-packer-${subject.version}`],
    },
    packages: [root, ...parts],
    relationships,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
