/** The processor of a 64-bit little-endian ELF file, and the shared libraries that it needs. */
export interface ElfFacts {
  /** `e_machine`: 62 is x86-64, 183 is AArch64. */
  readonly machine: number;
  readonly needed: readonly string[];
}

const DYNAMIC = 6;
const STRING_TABLE = 3;
const TAG = { end: 0, needed: 1 };

/** Source: System V ABI, chapters 4 and 5 (object files, dynamic linking). */
export function readElf(file: Buffer): ElfFacts {
  const number = (at: number): number => Number(file.readBigUInt64LE(at));
  const sections = Array.from({ length: file.readUInt16LE(60) }, (_, index) => {
    const at = number(40) + index * file.readUInt16LE(58);
    return { type: file.readUInt32LE(at + 4), offset: number(at + 24), link: file.readUInt32LE(at + 40) };
  });
  const dynamic = sections.find(({ type }) => type === DYNAMIC);
  const strings = dynamic === undefined ? undefined : sections[dynamic.link];
  const needed: string[] = [];
  if (dynamic !== undefined && strings?.type === STRING_TABLE) {
    for (let at = dynamic.offset; number(at) !== TAG.end; at += 16) {
      if (number(at) !== TAG.needed) continue;
      const start = strings.offset + number(at + 8);
      needed.push(file.toString('utf8', start, file.indexOf(0, start)));
    }
  }
  return { machine: file.readUInt16LE(18), needed };
}
