import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { ModelTarget } from '../../../contract/model-target.ts';

/**
 * The package of V2 over gRPC. Older servers have it in one of their own. Source: KServe, open-inference-protocol's
 * grpc_service.proto.
 */
const SERVICE = /^\/(?:[\w.]+\.)?GRPCInferenceService\/(\w+)$/;
/** The methods whose first message has the model's name as field 1, and what each asks of the model. */
const METHODS: ReadonlyMap<string, ModelTarget['ask']> = new Map([
  ...(['ModelInfer', 'ModelStreamInfer'] as const).map((method) => [method, 'inference'] as const),
  ['ModelReady', 'ready'],
  ['ModelMetadata', 'metadata'],
]);

/** What a gRPC method asks of the model in its first message. Undefined for any other method. */
export function grpcAsk(path: string): ModelTarget['ask'] | undefined {
  return METHODS.get(SERVICE.exec(path)?.[1] ?? '');
}

/** What the beginning of a stream of messages shows. */
type FirstName =
  | { readonly kind: 'name'; readonly name: string }
  /** It is not there yet. */
  | { readonly kind: 'more' }
  /** It cannot be read: the message is compressed or invalid, or its name comes too late. */
  | { readonly kind: 'unreadable' };

/** One byte for compression, four for the length: gRPC over HTTP/2, "Length-Prefixed-Message". */
const PREFIX = 5;
const NAME_FIELD = 1;
/** Writers put fields in the order of their numbers, so the name comes first. */
const MOST_READ = 64 * 1024;

/** Reads the model's name from the first bytes of a stream of messages, however few. */
export function firstName(bytes: Buffer): FirstName {
  if (bytes.length < PREFIX) return { kind: 'more' };
  if (bytes[0] !== 0) return { kind: 'unreadable' };
  const length = bytes.readUInt32BE(1);
  const message = bytes.subarray(PREFIX, PREFIX + Math.min(length, MOST_READ));
  const isAll = message.length === length || message.length === MOST_READ;
  const reader = new BinaryReader(message);
  try {
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      if (field === NAME_FIELD && type === WireType.LengthDelimited)
        return { kind: 'name', name: reader.string() };
      reader.skip(type, field);
    }
  } catch {
    // It ends in the middle of a field, or is not a message.
  }
  return { kind: isAll ? 'unreadable' : 'more' };
}

/** `ModelReadyResponse { ready: true }` with its prefix. */
export const MODEL_IS_READY = Buffer.from([0, 0, 0, 0, 2, 0x08, 0x01]);

/** Status codes of gRPC. */
export const GRPC_STATUS = { ok: '0', notFound: '5', unavailable: '14' } as const;

/** In the form of `grpc-message`: everything but printable ASCII is escaped. */
export function grpcMessage(text: string): string {
  return text.replace(/[^\x20-\x24\x26-\x7e]/gu, (character) =>
    [...Buffer.from(character)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );
}
