/** What a TLS server presents, in PEM. It does not include the authority, which clients have from the caBundle. */
export interface ServingCertificate {
  readonly certificate: string;
  readonly key: string;
}
