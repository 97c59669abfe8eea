import { describe, expect, it } from '@jest/globals';
import { LOGGER_FLAG_DEFAULTS, type LoggerFlags } from '../../../../src/agent/logger/flags.ts';
import { readLogger } from '../../../../src/agent/logger/settings.ts';

const read = (more: Partial<LoggerFlags>) =>
  readLogger({ ...LOGGER_FLAG_DEFAULTS, logUrl: 'http://sink', ...more }, 9081);

describe("the logger's flags", () => {
  it('log nothing without a URL, whatever else is given', () => {
    const none = { settings: undefined, faults: [], remarks: [] };
    expect(readLogger({ ...LOGGER_FLAG_DEFAULTS, logMode: 'x' }, 9081)).toEqual(none);
  });

  it("have KServe's defaults", () => {
    const { settings } = read({});
    expect(settings).toMatchObject({ requests: true, responses: true, allStatuses: false, workers: 5 });
    expect(settings?.origin.sourceUri).toBe('http://localhost:9081/');
  });

  it.each([
    ['http://sink', 'http'],
    ['https://sink/path', 'http'],
    ['s3://bucket/prefix', 'objects'],
    ['s3a://bucket/prefix', 'objects'],
    ['gs://bucket', 'objects'],
    ['abfs://container@account.dfs.core.windows.net/prefix', 'objects'],
  ])('%s is a sink: %s', (logUrl, kind) => {
    const { settings, faults } = read({ logUrl });
    expect(faults).toEqual([]);
    expect(settings?.sink.kind).toBe(kind);
  });

  it.each(['kafka://broker/topic', 'message-dumper:8080', 'message-dumper', 's3://', 'file:///tmp/x'])(
    '%s is not a valid sink: the pod starts, and the agent logs it',
    (logUrl) => {
      const { settings, faults, remarks } = read({ logUrl });
      expect(settings).toBeUndefined();
      expect(faults).toEqual([]);
      expect(remarks).toEqual([expect.stringMatching(/nothing is logged; give a URL of http/)]);
    },
  );

  it.each<[Partial<LoggerFlags>, RegExp]>([
    [{ logMode: 'some' }, /--log-mode "some" is none of all, request, response/],
    [{ workers: 'x' }, /--workers "x" is not a whole number/],
    [{ logQueueEvents: 'x' }, /--log-queue-events/],
    [{ logQueueBytes: '-1' }, /--log-queue-bytes/],
    [{ logMaxBodyBytes: '1e3' }, /--log-max-body-bytes/],
    [{ metadataAnnotations: ['a=b,c'] }, /--metadata-annotations "c" is not key=value/],
    [{ metadataHeaders: ['"a'] }, /--metadata-headers .* quote that does not end/],
    [{ logUrl: 's3://b', logBatchSize: 'x' }, /--log-batch-size/],
    [{ logUrl: 's3://b', logBatchInterval: '10' }, /--log-batch-interval "10" is not a duration like 30s/],
  ])('%j is a fault', (flags, words) => {
    expect(read(flags).faults).toEqual([expect.stringMatching(words)]);
  });

  it.each<[Partial<LoggerFlags>, RegExp]>([
    [{ logStorePath: 'x' }, /--log-store-path has no effect/],
    [{ logBatchSize: '9' }, /--log-batch-size has no effect/],
    [{ workers: '0' }, /--workers 0 is out of range; 1 is used$/],
    [{ workers: '-1' }, /--workers -1 is out of range; 1 is used$/],
    [{ workers: '100000' }, /--workers 100000 is out of range; 1000 is used$/],
    [{ logUrl: 's3://b', logBatchSize: '-3' }, /--log-batch-size -3 is out of range; 0 is used$/],
    [
      { logUrl: 's3://b', logBatchSize: '2000000' },
      /--log-batch-size 2000000 is out of range; 1000000 is used$/,
    ],
    [{ logUrl: 's3://b', logMarshallerUrl: 'ftp://x' }, /--log-marshaller-url "ftp:\/\/x" is not a URL/],
    [{ logUrl: 's3://b', logMarshallerUrl: '' }, /--log-marshaller-url "" is not a URL/],
    [{ logBatchInterval: '9s' }, /--log-batch-interval has no effect/],
    [{ logUrl: 's3://b', logMarshallerPort: '1' }, /--log-marshaller-port has no effect/],
    [{ logUrl: 's3://b', logStoreFormat: 'xml' }, /"xml" is none of json, csv, parquet; json is used/],
    [{ metadataHeaders: ['x-team'] }, /x-team matches no header, as in KServe; write X-Team/],
  ])('%j is accepted with a warning in the log', (flags, words) => {
    const { faults, remarks, settings } = read(flags);
    expect(faults).toEqual([]);
    expect(settings).toBeDefined();
    expect(remarks).toEqual([expect.stringMatching(words)]);
  });

  it('read lists like Go: repeated, and with quotes', () => {
    const { settings } = read({
      metadataHeaders: ['X-A,X-B', 'X-C'],
      metadataAnnotations: ['a=1,"b=2,3"', 'c=d=e'],
    });
    expect([...settings!.headers]).toEqual(['X-A', 'X-B', 'X-C']);
    expect([...settings!.origin.annotations]).toEqual([
      ['a', '1'],
      ['b', '2,3'],
      ['c', 'd=e'],
    ]);
  });
});
