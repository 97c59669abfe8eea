import { isAzureBlobHost } from './azure-uri.ts';
import { InvalidUriError, UnsupportedSourceError } from './errors.ts';
import { printable, shownUri } from './redact.ts';
import type { RemoteModel, Source, SourceContext } from './source.ts';

type CreateSource = (context: SourceContext) => Source;
type Protocol = 's3' | 'gs' | 'azure' | 'http' | 'hf' | 'oci' | 'file';

/** Each client is imported on the first URI that needs it: the SDKs cost 20 to 40 MiB each. */
const CREATE: Readonly<Record<Protocol, () => Promise<CreateSource>>> = {
  s3: async () => (await import('./s3.ts')).createS3Source,
  gs: async () => (await import('./gs.ts')).createGcsSource,
  azure: async () => (await import('./azure.ts')).createAzureSource,
  http: async () => (await import('./http.ts')).createHttpSource,
  hf: async () => (await import('./hf.ts')).createHuggingFaceSource,
  oci: async () => (await import('./oci.ts')).createOciSource,
  file: async () => (await import('./file.ts')).createFileSource,
};

const BY_SCHEME: ReadonlyMap<string, Protocol> = new Map([
  ['s3', 's3'],
  ['gs', 'gs'],
  ['abfs', 'azure'],
  ['abfss', 'azure'],
  ['http', 'http'],
  ['https', 'http'],
  ['hf', 'hf'],
  ['oci', 'oci'],
  ['pvc', 'file'],
  ['file', 'file'],
]);

/** All protocols as one source. */
export function createSources(context: SourceContext): Source {
  const created = new Map<Protocol, Promise<Source>>();
  const sourceFor = (protocol: Protocol): Promise<Source> => {
    const known = created.get(protocol);
    if (known !== undefined) return known;
    const source = CREATE[protocol]().then((create) => create(context));
    created.set(protocol, source);
    return source;
  };
  return {
    find: async (uri, signal): Promise<RemoteModel> => (await sourceFor(protocolOf(uri))).find(uri, signal),
    close: async () => {
      await Promise.allSettled([...created.values()].map(async (source) => (await source).close()));
    },
  };
}

/** @throws InvalidUriError, UnsupportedSourceError */
export function protocolOf(uri: string): Protocol {
  const [, scheme] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(uri) ?? [];
  if (scheme === undefined)
    throw new InvalidUriError(`'${shownUri(uri)}' has no scheme such as s3:// or https://`);
  const protocol = BY_SCHEME.get(scheme.toLowerCase());
  if (protocol === undefined) {
    throw new UnsupportedSourceError(
      `${printable(scheme)}:// is not supported. Supported: ${[...BY_SCHEME.keys()].map((known) => `${known}://`).join(', ')}`,
    );
  }
  const isAzure = protocol === 'http' && URL.canParse(uri) && isAzureBlobHost(new URL(uri).hostname);
  return isAzure ? 'azure' : protocol;
}
