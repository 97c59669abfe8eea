import { describe, expect, it } from '@jest/globals';
import {
  InvalidNetworkError,
  createDestinationPolicy,
} from '../../../../src/agent/sources/destination-policy.decide.ts';
import { parseIp, parseNetwork } from '../../../../src/agent/sources/ip-address.decide.ts';

const policy = createDestinationPolicy();

describe('rejected addresses', () => {
  it.each([
    '169.254.169.254',
    '169.254.170.2',
    '169.254.169.254..',
    '2852039166',
    '0xa9fea9fe',
    '0xA9.0xFE.0xA9.0xFE',
    '0251.0376.0251.0376',
    '169.254.43518',
    '169.16689662',
    '::ffff:169.254.169.254',
    '[::ffff:a9fe:a9fe]',
    '0:0:0:0:0:ffff:a9fe:a9fe',
    '::169.254.169.254',
    '64:ff9b::169.254.169.254',
    '64:ff9b:1::169.254.169.254',
    '::ffff:0:169.254.169.254',
    '2002:a9fe:a9fe::1',
    'fe80::1',
    'fe80::1%eth0',
    'febf::1',
    'fd00:ec2::254',
    'fd00:ec2::23',
    'fd20:ce::254',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    'metadata.google.internal',
    'METADATA.google.internal.',
    'metadata',
    'instance-data.ec2.internal',
  ])('%s', (host) => {
    expect(policy.host(host)).toMatchObject({ allowed: false });
  });
});

describe('a deny list with loopback', () => {
  const withoutLoopback = createDestinationPolicy(['127.0.0.0/8', '::1']);

  it.each(['127.0.0.1', '::1', '0.0.0.0', '0', '::', '[::]', '::ffff:0.0.0.0'])('also rejects %s', (host) => {
    expect(withoutLoopback.host(host)).toMatchObject({ allowed: false });
  });
});

describe('allowed addresses', () => {
  it.each([
    '127.0.0.1',
    '::1',
    '::',
    '10.0.0.1',
    '192.168.1.1',
    'fd00::1',
    '169.253.255.255',
    '169.255.0.0',
    'fec0::1',
    '64:ff9b::8.8.8.8',
    '2002:0808:0808::1',
    '8.8.8.8',
    'minio.storage.svc.cluster.local',
    'metadata.example.com',
    'a9fe.example',
  ])('%s', (host) => {
    expect(policy.host(host)).toEqual({ allowed: true });
  });
});

describe('the deny list of an operator', () => {
  const strict = createDestinationPolicy(['10.0.0.0/8', 'fd00::/8', '192.0.2.7']);

  it.each([
    ['10.1.2.3', false],
    ['11.0.0.1', true],
    ['fd12::1', false],
    ['192.0.2.7', false],
    ['192.0.2.8', true],
    ['::ffff:10.0.0.1', false],
    ['169.254.169.254', false],
  ])('%s: %s', (address, allowed) => {
    expect(strict.address(address).allowed).toBe(allowed);
  });

  it.each(['10.0.0.0/33', '10.0.0.0/x', 'fd00::/129', 'example.com', '', '1.2.3.4/8/9'])(
    'rejects the network %s',
    (text) => {
      expect(() => createDestinationPolicy([text])).toThrow(InvalidNetworkError);
    },
  );

  it('rejects a host name as a resolved address', () => {
    expect(policy.address('localhost')).toMatchObject({ allowed: false });
  });
});

describe('parsing addresses', () => {
  it.each([
    '256.1.1.1.1',
    '1.2.3.256',
    '4294967296',
    '0x1ffffffff',
    '09.1.1.1',
    '1..2',
    '1.2.3.',
    ':::',
    '1::2::3',
    '12345::',
    'g::',
    '1:2:3:4:5:6:7',
    '1.2.3.4::',
    '',
  ])('%s is invalid', (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  it.each([
    ['0.0.0.0', 0n],
    ['255.255.255.255', 0xffff_ffffn],
    ['0x', 0n],
    ['1:2:3:4:5:6:7:8', 0x0001_0002_0003_0004_0005_0006_0007_0008n],
    ['1::', 1n << 112n],
    ['::1.2.3.4', 0x0102_0304n],
  ])('%s', (text, value) => {
    expect(parseIp(text)?.value).toBe(value);
  });

  it('a network without a prefix is a single address', () => {
    expect(parseNetwork('::1')).toEqual({ family: 6, value: 1n, prefix: 128 });
  });
});
