import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, PutBucketPolicyCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { PutObjectCommandInput } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { goTool } from './go-tool.ts';
import { freePorts } from '../../src/development/controlplane/ports.ts';
import { startServer } from './server-process.ts';

/** https://github.com/versity/versitygw: a real S3 API in front of a directory. */
export const VERSITYGW = {
  name: 'versitygw',
  package: 'github.com/versity/versitygw/cmd/versitygw',
  version: 'v1.8.0',
};

export interface TestS3 {
  /** `http(s)://<address>:<port>` */
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** The variables that point an agent here, with the names that KServe's webhook uses for a ServiceAccount. */
  readonly environment: Readonly<Record<string, string>>;
  /** Creates the bucket if it does not exist. */
  putObject(
    bucket: string,
    key: string,
    body: string | Buffer,
    more?: Partial<PutObjectCommandInput>,
  ): Promise<void>;
  /** Overwrites an object's bytes in the store's directory, like a failing disk. */
  damage(bucket: string, key: string, bytes: string): Promise<void>;
  /** Makes a bucket readable without credentials. */
  makePublic(bucket: string): Promise<void>;
  readonly client: S3Client;
  stop(): Promise<void>;
}

/** Builds the server if it is missing. Where there is no network, as on a test node, it has to be there before. */
export function s3Server(): Promise<string> {
  return goTool(VERSITYGW);
}

/**
 * @param tls files of a certificate for the address and its key; plain HTTP by default
 * @param address an address of this machine, for clients that cannot reach its loopback
 */
export async function startS3(
  tls?: { readonly cert: string; readonly key: string },
  address = '127.0.0.1',
): Promise<TestS3> {
  const binary = await s3Server();
  const root = await mkdtemp(join(tmpdir(), 'kserve-mms-s3-'));
  const [data, sidecar] = [join(root, 'data'), join(root, 'metadata')];
  await Promise.all([mkdir(data), mkdir(sidecar)]);
  const [port = 0] = await freePorts(1);
  const [accessKeyId, secretAccessKey] = ['test-access-key', 'test-secret-key'];
  const args = [
    '--port',
    `${address}:${port}`,
    '--quiet',
    ...(tls ? ['--cert', tls.cert, '--key', tls.key] : []),
  ];
  const server = await startServer(
    binary,
    [...args, 'posix', '--sidecar', sidecar, data],
    { ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey },
    () => listens(port, address),
  );
  const endpoint = `${tls ? 'https' : 'http'}://${address}:${port}`;
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    requestHandler: new NodeHttpHandler({ httpsAgent: new Agent({ rejectUnauthorized: false }) }),
  });
  const buckets = new Set<string>();
  return {
    endpoint,
    accessKeyId,
    secretAccessKey,
    environment: {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL: endpoint,
      S3_USER_VIRTUAL_BUCKET: 'false',
    },
    client,
    putObject: async (bucket, key, body, more = {}) => {
      if (!buckets.has(bucket)) await client.send(new CreateBucketCommand({ Bucket: bucket }));
      buckets.add(bucket);
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ...more }));
    },
    damage: (bucket, key, bytes) => writeFile(join(data, bucket, key), bytes),
    makePublic: async (bucket) => {
      const resources = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`];
      const statement = {
        Effect: 'Allow',
        Principal: '*',
        Action: ['s3:GetObject', 's3:ListBucket'],
        Resource: resources,
      };
      const policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
      await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: policy }));
    },
    stop: async () => {
      client.destroy();
      await server.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
}

function listens(port: number, address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, address, () => {
      socket.destroy();
      resolve(true);
    }).on('error', () => resolve(false));
  });
}
