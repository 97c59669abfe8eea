import { crc32, deflateRawSync } from 'node:zlib';

/** Writes invalid zip archives: the caller determines the content of both headers. Source: APPNOTE 6.3.10. */
export interface ZipEntry {
  readonly name: string;
  readonly body?: string | Buffer;
  /** 0 stored, 8 deflate; other methods are only claimed. */
  readonly method?: number;
  /** Unix mode with file type, for the central directory. */
  readonly mode?: number;
  readonly flags?: number;
  /** The content of the local header, if different. */
  readonly localName?: string;
  readonly crc?: number;
  /** Uncompressed size claimed in the central directory. */
  readonly size?: number;
  /** The index of an earlier entry whose local header and data this one points to. */
  readonly sameDataAs?: number;
  /** Sizes and offset in a zip64 extra field, with 0xffffffff in the header. */
  readonly zip64?: boolean;
}

export function zip(entries: readonly ZipEntry[]): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  const offsets: number[] = [];
  let position = 0;
  for (const entry of entries) {
    const data = pack(entry);
    const shared = entry.sameDataAs === undefined ? undefined : offsets[entry.sameDataAs];
    offsets.push(shared ?? position);
    centrals.push(centralHeader(entry, data.length, offsets.at(-1) ?? 0));
    if (shared !== undefined) continue;
    const local = Buffer.concat([localHeader(entry, data.length), data]);
    locals.push(local);
    position += local.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(position, 16);
  return Buffer.concat([...locals, directory, end]);
}

function pack({ body = '', method = 8 }: ZipEntry): Buffer {
  return method === 8 ? deflateRawSync(body) : Buffer.from(body);
}

/** From the version needed up to the length of the extra field, which both headers share. */
function common(entry: ZipEntry, packed: number, name: Buffer, extra: number): Buffer {
  const {
    body = '',
    method = 8,
    flags = 0x800,
    crc = crc32(body),
    size = Buffer.byteLength(body),
    zip64,
  } = entry;
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(zip64 === true ? 45 : 20, 0);
  fields.writeUInt16LE(flags, 2);
  fields.writeUInt16LE(method, 4);
  fields.writeUInt32LE(crc, 10);
  fields.writeUInt32LE(zip64 === true ? 0xffffffff : packed, 14);
  fields.writeUInt32LE(zip64 === true ? 0xffffffff : size, 18);
  fields.writeUInt16LE(name.length, 22);
  fields.writeUInt16LE(extra, 24);
  return fields;
}

function zip64Extra(entry: ZipEntry, packed: number, offset: number | undefined): Buffer {
  if (entry.zip64 !== true) return Buffer.alloc(0);
  const values = [Buffer.byteLength(entry.body ?? ''), packed, ...(offset === undefined ? [] : [offset])];
  const extra = Buffer.alloc(4 + 8 * values.length);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(8 * values.length, 2);
  values.forEach((value, index) => extra.writeBigUInt64LE(BigInt(value), 4 + 8 * index));
  return extra;
}

function localHeader(entry: ZipEntry, packed: number): Buffer {
  const name = Buffer.from(entry.localName ?? entry.name);
  const extra = zip64Extra(entry, packed, undefined);
  return Buffer.concat([Buffer.from('PK\x03\x04'), common(entry, packed, name, extra.length), name, extra]);
}

function centralHeader(entry: ZipEntry, packed: number, offset: number): Buffer {
  const name = Buffer.from(entry.name);
  const extra = zip64Extra(entry, packed, offset);
  const rest = Buffer.alloc(14);
  rest.writeUInt32LE(((entry.mode ?? 0o100644) << 16) >>> 0, 6);
  rest.writeUInt32LE(entry.zip64 === true ? 0xffffffff : offset, 10);
  const madeOnUnix = Buffer.from([20, 3]);
  const shared = common(entry, packed, name, extra.length);
  return Buffer.concat([Buffer.from('PK\x01\x02'), madeOnUnix, shared, rest, name, extra]);
}
