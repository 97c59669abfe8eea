import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import {
  type CallOptions,
  Client,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js';

const asIs = (bytes: Buffer): Buffer => bytes;
const method = (name: string, streams = false): MethodDefinition<Buffer, Buffer> => ({
  path: `/inference.GRPCInferenceService/${name}`,
  requestStream: streams,
  responseStream: streams,
  ...{ requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs },
});

/** V2 over gRPC with messages as bytes. Tests read and write only these. */
export const INFERENCE_SERVICE = {
  ModelInfer: method('ModelInfer'),
  ModelStreamInfer: method('ModelStreamInfer', true),
  ModelReady: method('ModelReady'),
  ModelMetadata: method('ModelMetadata'),
  ServerLive: method('ServerLive'),
  ModelStatistics: method('ModelStatistics'),
} satisfies ServiceDefinition;

/**
 * `ModelInferRequest` with one FP32 input of shape [1, values]. `ModelReadyRequest` and the others have the same first
 * field.
 */
export function inferRequest(model: string, values: readonly number[] = [], padding = 0): Buffer {
  const writer = new BinaryWriter().tag(1, WireType.LengthDelimited).string(model);
  if (padding > 0) writer.tag(3, WireType.LengthDelimited).string('x'.repeat(padding));
  if (values.length > 0) {
    writer.tag(5, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).string('x').tag(2, WireType.LengthDelimited).string('FP32');
    writer.tag(3, WireType.LengthDelimited).fork().int64(1).int64(values.length).join();
    writer.tag(5, WireType.LengthDelimited).fork();
    writer.tag(6, WireType.LengthDelimited).fork();
    for (const value of values) writer.float(value);
    writer.join().join().join();
  }
  return Buffer.from(writer.finish());
}

/** The first field of a message if it is a string; true or false if it is a bool. */
export function firstField(message: Buffer): string | boolean | undefined {
  const reader = new BinaryReader(message);
  if (message.length === 0) return undefined;
  const [, type] = reader.tag();
  return type === WireType.LengthDelimited ? reader.string() : reader.bool();
}

export interface InferenceClient {
  call(
    name: keyof typeof INFERENCE_SERVICE,
    request: Buffer,
    options?: CallOptions,
    metadata?: Metadata,
  ): Promise<Buffer>;
  /** Sends all of them on one stream, and returns the answers. */
  stream(requests: readonly Buffer[]): Promise<Buffer[]>;
  close(): void;
}

/** A real gRPC client. Calls reject with grpc-js' ServiceError. */
export function inferenceClient(port: number): InferenceClient {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.enable_retries': 0,
  });
  return {
    close: () => client.close(),
    call: (name, request, options = {}, metadata = new Metadata()) =>
      new Promise((resolve, reject) => {
        const done = (error: ServiceError | null, answer?: Buffer) =>
          error === null ? resolve(answer ?? Buffer.alloc(0)) : reject(error);
        client.makeUnaryRequest(INFERENCE_SERVICE[name].path, asIs, asIs, request, metadata, options, done);
      }),
    stream: (requests) =>
      new Promise((resolve, reject) => {
        const call = client.makeBidiStreamRequest(INFERENCE_SERVICE.ModelStreamInfer.path, asIs, asIs);
        const answers: Buffer[] = [];
        call.on('data', (answer: Buffer) => answers.push(answer));
        call.on('error', reject).on('end', () => resolve(answers));
        for (const request of requests) call.write(request);
        call.end();
      }),
  };
}
