import type { ArchiveKind } from './archive.ts';
import type { Environment } from './environment.ts';
import type { Readable } from 'node:stream';
import type { Clock } from '../../lib/clock.ts';
import type { TarOptions } from './archive-tar.ts';
import type { ExpectedDigest } from './digest.ts';
import type { PullError } from './errors.ts';
import type { HttpClient } from './http-client.ts';
import type { SourceSettings } from './settings.ts';

/** The file is an archive, and its content rather than itself belongs to the model. */
export interface Unpacking {
  readonly kind: ArchiveKind;
  /** For a tar: another name for an entry, or undefined to leave it out. */
  readonly rename?: TarOptions['rename'];
}

/** What a protocol needs from outside. */
export interface SourceContext {
  readonly env: Environment;
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly settings: SourceSettings;
}

/** Bytes from an offset on, in the state named by the tag of the first request. */
export interface ByteRange {
  readonly offset: number;
  readonly tag: string | undefined;
}

export interface OpenedFile {
  readonly body: Readable;
  /**
   * The same in buffers that are used again: a piece is overwritten when the piece after the next is asked for. Read instead of
   * `body`, which is still to be destroyed.
   */
  readonly pieces?: AsyncIterable<Uint8Array> | undefined;
  /** Of the whole file, not of what remains. */
  readonly totalBytes: number | undefined;
  /** Whatever the source can be asked for to get the same state again: an ETag, a generation. */
  readonly tag: string | undefined;
  /** Of the whole file; all of them must hold. */
  readonly digests: readonly ExpectedDigest[];
  /** Tells what an error of the body means, where the client gives it no code. */
  readonly faultOf?: (error: unknown) => PullError | undefined;
}

export interface RemoteFile {
  /** Relative to the model's directory, as the source spells it; not to be trusted. */
  readonly path: string;
  /** Bytes, where the listing says. */
  readonly size: number | undefined;
  readonly unpacking?: Unpacking;
  /** An empty directory that the source has a mark for: it is made, and never opened. */
  readonly directory?: boolean;
  /** It comes in buffers that are used again, so that however large it is, little memory is taken. */
  readonly reusesBuffers?: boolean;
  /** Makes the model's content of the bytes, whose length and digests are checked before. */
  readonly decode?: (stored: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;
  /** @throws SourceChangedError when `from.tag` names a state that is gone. */
  open(from: ByteRange, signal: AbortSignal): Promise<OpenedFile>;
}

export interface RemoteModel {
  /** An archive is unpacked before the next file is asked for. */
  readonly files: AsyncIterable<RemoteFile>;
  /** The source's own name for this state of the whole model. */
  readonly version: string | undefined;
}

/** One protocol. Everything it throws is a PullError or is made one by `classify`. */
export interface Source {
  /** @throws PullError; NotFoundError also when nothing is there. */
  find(uri: string, signal: AbortSignal): Promise<RemoteModel>;
  /** Ends idle connections. */
  close(): Promise<void>;
}
