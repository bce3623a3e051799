// Who this orchestrator is on the control path, as its connections take it.

/** A certificate with its key, and the CAs whose certificates peers may show. All PEM. */
export interface ControlCertificate {
  readonly certificate: string;
  readonly privateKey: string;
  readonly authorities: readonly string[];
}

/** Read at each new connection, so that a renewed certificate is in use from then on. */
export interface ControlIdentity {
  readonly installation: string;
  /** The certificate now. */
  current(): ControlCertificate;
  /** True for a certificate that is refused though it has not expired. */
  isRevoked(serialNumber: string): boolean;
  /** True: a peer's certificate may have expired, for nothing but its renewal. */
  readonly acceptsExpired?: boolean;
}
