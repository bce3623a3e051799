// Who speaks on the control path, and how a certificate is asked for and granted. The CA is the orchestrator's alone; a
// private key is made where it is used and stays there, besides an appliance's first one, which comes by config drive.
import type { Static } from 'typebox';
import * as Type from 'typebox';

const closed = { additionalProperties: false } as const;

/** What a holder of a certificate may be: it stands in the URI of the certificate's subject alternative name. */
export type CertificateRole = 'orchestrator' | 'host' | 'appliance';

/** Who holds a certificate. `id` is the UUID of the host's or router's row; of an orchestrator, its name. */
export interface CertificateHolder {
  readonly installation: string;
  readonly role: CertificateRole;
  readonly id: string;
}

/** URI of a certificate's subject alternative name, such as `urn:isthmus:ab12:appliance:0b6f…`. */
export function holderUri({ installation, role, id }: CertificateHolder): string {
  return `urn:isthmus:${installation}:${role}:${id}`;
}

const uri = /^urn:isthmus:([a-z][a-z0-9]{3}):(orchestrator|host|appliance):([A-Za-z0-9][A-Za-z0-9._-]{0,63})$/;

/** Reads the URI of `holderUri`; null where the text is none. */
export function holderOfUri(text: string): CertificateHolder | null {
  const [, installation, role, id] = uri.exec(text) ?? [];
  if (installation === undefined || role === undefined || id === undefined) return null;
  return { installation, role: role as CertificateRole, id };
}

/**
 * Reads the `subjectaltname` of a peer's certificate as Node's TLS shows it, `URI:urn:isthmus:…`. Null where it names
 * anything besides exactly one holder.
 */
export function holderOfSubjectAltName(text: string | undefined): CertificateHolder | null {
  return text?.startsWith('URI:') === true ? holderOfUri(text.slice('URI:'.length)) : null;
}

/**
 * Id of an installation: a letter and three letters or digits, such as `ab12`. Names of devices begin with it, and ip(8)
 * takes an absent device whose name begins with `if` and a number for the device of that index: no id begins so.
 */
const installationPattern = '^(?!if[0-9])[a-z][a-z0-9]{3}$';
export const InstallationSchema = Type.String({ pattern: installationPattern });

/** True for what may be the id of an installation. */
export function isInstallationId(id: string): boolean {
  return new RegExp(installationPattern).test(id);
}
export const PemSchema = Type.String({ pattern: '^-----BEGIN [A-Z ]+-----\\n', maxLength: 16_384 });
/** Serial number of a certificate, in upper-case hexadecimal without leading zeros, as Node's TLS shows it. */
export const SerialNumberSchema = Type.String({ pattern: '^[0-9A-F]{1,40}$' });

/** What `proof` of a certificate request signs, before the public key's PEM. */
export const certificateRequestContext = 'isthmus-certificate-request:';

/**
 * POST /v1/certificate/request of a host agent and of an appliance's agent answers with it: a new key, not in use yet.
 * `publicKey` is its SPKI in PEM (ECDSA P-256), `proof` the base64 ECDSA-SHA256 signature, made with it, of
 * `certificateRequestContext` and `publicKey`.
 */
export const CertificateRequestSchema = Type.Object(
  { publicKey: PemSchema, proof: Type.String({ pattern: '^[A-Za-z0-9+/]{64,160}={0,2}$' }) },
  closed,
);
export type CertificateRequest = Static<typeof CertificateRequestSchema>;

/**
 * PUT /v1/certificate: the certificate for the key of the last request, the CA's (one, or the old and the new one while
 * the CA itself is replaced), and the serial numbers that are refused from now on. In use for new connections when it is
 * answered, and safe on disk; those that are open go on.
 */
export const CertificateGrantSchema = Type.Object(
  {
    certificate: PemSchema,
    authorities: Type.Array(PemSchema, { minItems: 1, maxItems: 4 }),
    revoked: Type.Array(SerialNumberSchema),
  },
  closed,
);
export type CertificateGrant = Static<typeof CertificateGrantSchema>;

/** PUT /v1/revocations: the serial numbers that are refused from now on; open connections of theirs end. */
export const RevocationsSchema = Type.Object({ revoked: Type.Array(SerialNumberSchema) }, closed);
export type Revocations = Static<typeof RevocationsSchema>;
