/** An IP address or network as a number, so that ranges can be compared without a network module. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

export interface IpNetwork extends IpAddress {
  /** The number of leading bits that count. */
  readonly prefix: number;
}

const IPV4_LIMIT = 0x1_0000_0000n;

/**
 * Reads an address in any spelling that a resolver accepts: dotted IPv4, the `inet_aton` forms (`2852039166`,
 * `0xa9fea9fe`, `0251.0376.0251.0376`, `169.254.43518`), and IPv6 with `::`, an embedded dotted IPv4, brackets or a
 * zone. Undefined when the text is not an address.
 */
export function parseIp(text: string): IpAddress | undefined {
  const bare = text.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '');
  return bare.includes(':') ? parseIpv6(bare) : parseIpv4(bare);
}

/** Reads `address/prefix`, or an address alone as a network of one. Undefined when the text is neither. */
export function parseNetwork(text: string): IpNetwork | undefined {
  const [address = '', prefixText, ...rest] = text.split('/');
  const ip = parseIp(address);
  if (ip === undefined || rest.length > 0) return undefined;
  const bits = ip.family === 4 ? 32 : 128;
  if (prefixText === undefined) return { ...ip, prefix: bits };
  if (!/^\d{1,3}$/.test(prefixText) || Number(prefixText) > bits) return undefined;
  return { ...ip, prefix: Number(prefixText) };
}

export function inNetwork(ip: IpAddress, network: IpNetwork): boolean {
  if (ip.family !== network.family) return false;
  const shift = BigInt((ip.family === 4 ? 32 : 128) - network.prefix);
  return ip.value >> shift === network.value >> shift;
}

/** The IPv4 address an IPv6 one carries: mapped, translated, compatible, NAT64 (64:ff9b::/96, 64:ff9b:1::/48), 6to4 (2002::/16). */
export function embeddedIpv4(ip: IpAddress): IpAddress | undefined {
  if (ip.family === 4) return undefined;
  const top96 = ip.value >> 32n;
  const low = ip.value & (IPV4_LIMIT - 1n);
  const carriesLow =
    top96 === 0xffffn ||
    top96 === 0xffff_0000n ||
    (top96 === 0n && low > 1n) ||
    top96 === 0x64_ff9b_0000_0000_0000_0000n ||
    top96 >> 48n === 0x64_ff9b_0001n;
  if (carriesLow) return { family: 4, value: low };
  if (ip.value >> 112n === 0x2002n) return { family: 4, value: (ip.value >> 80n) & (IPV4_LIMIT - 1n) };
  return undefined;
}

function parseIpv4(text: string): IpAddress | undefined {
  const parts = text.split('.').map(parseNumber);
  const last = parts.pop();
  if (last === undefined || parts.length > 3) return undefined;
  let value = 0n;
  for (const part of parts) {
    if (part === undefined || part > 255n) return undefined;
    value = (value << 8n) | part;
  }
  const lastBits = BigInt(8 * (4 - parts.length));
  if (last >> lastBits !== 0n) return undefined;
  return { family: 4, value: (value << lastBits) | last };
}

/** One part of an `inet_aton` spelling: decimal, 0-octal or 0x-hexadecimal. */
function parseNumber(text: string): bigint | undefined {
  if (/^0x[0-9a-f]*$/i.test(text)) return BigInt(text.length === 2 ? 0 : text);
  if (/^0[0-7]+$/.test(text)) return BigInt(`0o${text.slice(1)}`);
  return /^(0|[1-9]\d*)$/.test(text) ? BigInt(text) : undefined;
}

function parseIpv6(text: string): IpAddress | undefined {
  const [head = '', tail, ...rest] = text.split('::');
  const dottedBeforeGap = tail !== undefined && head.includes('.');
  if (rest.length > 0 || dottedBeforeGap) return undefined;
  const before = parseGroups(head);
  const after = tail === undefined ? [] : parseGroups(tail);
  if (before === undefined || after === undefined) return undefined;
  const missing = 8 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...before, ...Array<bigint>(missing).fill(0n), ...after];
  return { family: 6, value: groups.reduce((value, group) => (value << 16n) | group, 0n) };
}

function parseGroups(text: string): bigint[] | undefined {
  if (text === '') return [];
  const groups: bigint[] = [];
  for (const [index, part] of text.split(':').entries()) {
    if (part.includes('.')) {
      const ipv4 = index === text.split(':').length - 1 ? parseIpv4(part) : undefined;
      if (ipv4 === undefined) return undefined;
      groups.push(ipv4.value >> 16n, ipv4.value & 0xffffn);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(BigInt(`0x${part}`));
    else return undefined;
  }
  return groups;
}
