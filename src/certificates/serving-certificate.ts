/** What a TLS server presents, in PEM. The authority itself is not part of it: clients have that from the caBundle. */
export interface ServingCertificate {
  readonly certificate: string;
  readonly key: string;
}
