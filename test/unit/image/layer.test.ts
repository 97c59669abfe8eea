import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { file } from '../../../image/entry.ts';
import type { Entry } from '../../../image/entry.ts';
import { layerOf } from '../../../image/layer.ts';
import { membersOf } from '../../support/image-archive.ts';

const ENTRIES: readonly Entry[] = [
  file('usr/bin/b', 'program', 0o755),
  file('usr/bin/B', 'another'),
  { kind: 'link', path: 'a', target: '/usr/bin/b' },
  file('etc/ä', 'name'),
];

describe('a layer', () => {
  it('is the same for the same entries in any order', async () => {
    const [one, other] = await Promise.all([layerOf(ENTRIES), layerOf(ENTRIES.toReversed())]);
    expect(other).toEqual(one);
  });

  it('differs for another mode, content, path or target', async () => {
    const { diffId } = await layerOf([file('a', 'x')]);
    const others: Entry[] = [
      file('a', 'x', 0o755),
      file('a', 'y'),
      file('b', 'x'),
      { kind: 'link', path: 'a', target: 'x' },
    ];
    for (const entry of others) expect((await layerOf([entry])).diffId).not.toBe(diffId);
  });

  it('has each directory before its content, sorted by code units', async () => {
    const { blob } = await layerOf(ENTRIES);
    const members = await membersOf(gunzipSync(blob.content));
    const names = ['a', 'etc/', 'etc/ä', 'usr/', 'usr/bin/', 'usr/bin/B', 'usr/bin/b'];
    expect(members.map(({ header }) => header.name)).toEqual(names);
  });

  it('has every entry owned by root and dated 1970', async () => {
    const { blob } = await layerOf(ENTRIES);
    for (const { header } of await membersOf(gunzipSync(blob.content))) {
      const { uid, gid, uname, gname, mtime } = header;
      expect({ uid, gid, uname, gname, mtime }).toEqual({
        ...{ uid: 0, gid: 0, uname: '', gname: '', mtime: new Date(0) },
      });
    }
  });

  it('is compressed without a time and an operating system', async () => {
    const { blob } = await layerOf(ENTRIES);
    // Source: RFC 1952, section 2.3: MTIME is bytes 4 to 7, OS is byte 9, 255 is unknown.
    expect([...blob.content.subarray(4, 8), blob.content[9]]).toEqual([0, 0, 0, 0, 255]);
  });
});
