import type { ArchiveKind } from './archive.ts';
import type { Environment } from './environment.ts';
import type { Readable } from 'node:stream';
import type { Clock } from '../../lib/clock.ts';
import type { TarOptions } from './archive-tar.ts';
import type { ExpectedDigest } from './digest.ts';
import type { PullError } from './errors.ts';
import type { ReadPieces } from './reused-buffers.ts';
import type { HttpClient } from './http-client.ts';
import type { SourceSettings } from './settings.ts';

/** Set if the file is an archive, whose content belongs to the model instead of the file. */
export interface Unpacking {
  readonly kind: ArchiveKind;
  /** For a tar: returns another name for an entry, or undefined to skip it. */
  readonly rename?: TarOptions['rename'];
}

/** What a protocol needs from its caller. */
export interface SourceContext {
  readonly env: Environment;
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly settings: SourceSettings;
}

/** Bytes from an offset on, of the state that the first request's tag names. */
export interface ByteRange {
  readonly offset: number;
  readonly tag: string | undefined;
}

export interface OpenedFile {
  readonly body: Readable;
  /** The same in buffers of the caller, instead of `body`. Destroy `body` all the same. */
  readonly pieces?: ReadPieces | undefined;
  /** Of the whole file, not of the remainder. */
  readonly totalBytes: number | undefined;
  /** Identifies the state for later requests: an ETag, a generation. */
  readonly tag: string | undefined;
  /** Of the whole file; all of them must match. */
  readonly digests: readonly ExpectedDigest[];
  /** Translates an error of the body that the client throws without a code. */
  readonly faultOf?: (error: unknown) => PullError | undefined;
}

export interface RemoteFile {
  /** Relative to the model's directory, as the source spells it. Untrusted. */
  readonly path: string;
  /** In bytes, if the listing says. */
  readonly size: number | undefined;
  readonly unpacking?: Unpacking;
  /** An empty directory that the source marks: it is created, and never opened. */
  readonly directory?: boolean;
  /** It arrives in reused buffers, so that it takes little memory however large it is. */
  readonly reusesBuffers?: boolean;
  /** Turns the bytes, whose length and digests are already checked, into the model's content. */
  readonly decode?: (stored: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;
  /** @throws SourceChangedError when the state of `from.tag` is gone. */
  open(from: ByteRange, signal: AbortSignal): Promise<OpenedFile>;
}

export interface RemoteModel {
  /** An archive is unpacked before the next file is opened. */
  readonly files: AsyncIterable<RemoteFile>;
  /** The source's own name for this state of the whole model. */
  readonly version: string | undefined;
}

/** One protocol. All its errors are PullErrors, or `classify` makes them so. */
export interface Source {
  /** @throws PullError; NotFoundError also when nothing is there. */
  find(uri: string, signal: AbortSignal): Promise<RemoteModel>;
  /** Closes idle connections. */
  close(): Promise<void>;
}
