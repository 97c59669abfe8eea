/** Writes invalid tar archives: no name, type or size is checked. Source: POSIX ustar. */
export interface TarEntry {
  readonly name: string;
  readonly body?: string | Buffer;
  /** `0` file, `1` hard link, `2` symbolic link, `3` `4` devices, `5` directory, `6` FIFO, `x` pax header. */
  readonly type?: string;
  readonly linkname?: string;
  readonly mode?: number;
  /** Claimed instead of the body's length. */
  readonly size?: number;
}

const BLOCK = 512;

export function tar(entries: readonly TarEntry[], endBlocks = 2): Buffer {
  return Buffer.concat([...entries.flatMap(entryBlocks), Buffer.alloc(endBlocks * BLOCK)]);
}

/** A pax header that gives the next entry attributes that a ustar header cannot hold. */
export function pax(attributes: Readonly<Record<string, string>>): TarEntry {
  const records = Object.entries(attributes).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    let length = Buffer.byteLength(rest) + 1;
    while (length !== Buffer.byteLength(rest) + String(length).length) length += 1;
    return `${length}${rest}`;
  });
  return { name: 'PaxHeader', type: 'x', body: records.join('') };
}

export function tarHeader({
  name,
  body = '',
  type = '0',
  linkname = '',
  mode = 0o644,
  size,
}: TarEntry): Buffer {
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0, 100);
  header.write(octal(mode, 7), 100);
  header.write(octal(0, 7), 108);
  header.write(octal(0, 7), 116);
  writeSize(header, size ?? Buffer.byteLength(body));
  header.write(octal(0, 11), 136);
  header.write('        ', 148);
  header.write(type, 156);
  header.write(linkname, 157, 100);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\0 `, 148);
  return header;
}

function entryBlocks(entry: TarEntry): Buffer[] {
  const body = Buffer.from(entry.body ?? '');
  return [tarHeader(entry), body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)];
}

/** Sizes of 8 GiB and more are binary (GNU and POSIX 2001). */
function writeSize(header: Buffer, size: number): void {
  if (size < 0o100000000000) header.write(octal(size, 11), 124);
  else {
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(size), 128);
  }
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}
