/** Whether an address is one that the public internet routes; by the IANA special-purpose registries. */

/** Base and prefix length of what is not. */
const special4 = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10], // carrier-grade NAT
  ['127.0.0.0', 8],
  ['169.254.0.0', 16], // link-local, cloud metadata
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16],
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, broadcast
] as const;

const special6 = [
  ['2001::', 23], // protocol assignments: Teredo, ORCHID, …
  ['2001:db8::', 32], // documentation
  ['3fff::', 20],
] as const;

/** `address` in dotted decimal, as WHATWG's URL parser leaves every spelling of IPv4. */
export function isPublic4(address: string): boolean {
  const bits = bitsOf4(address);
  return !special4.some(([base, length]) => bits >>> (32 - length) === bitsOf4(base) >>> (32 - length));
}

/** `address` without brackets, as the URL parser leaves it: hexadecimal groups, at most one `::`. */
export function isPublic6(address: string): boolean {
  const groups = groupsOf6(address);
  const number = bits128(groups);
  // Only 2000::/3 is handed out. That leaves out loopback, mapped and compatible IPv4, NAT64, ULA, link-local, multicast.
  if (groups[0]! >>> 13 !== 1) return false;
  if (special6.some(([base, length]) => samePrefix(number, bits128(groupsOf6(base)), length))) return false;
  // 6to4 carries the IPv4 address it goes to.
  const [first, high, low] = groups as [number, number, number];
  return first !== 0x2002 || isPublic4(`${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`);
}

function bitsOf4(address: string): number {
  return address.split('.').reduce((bits, byte) => bits * 256 + Number(byte), 0) >>> 0;
}

function groupsOf6(address: string): number[] {
  const [head = '', tail] = address.split('::').map((half) => half.split(':').filter(Boolean));
  const before = [...head].map((group) => Number.parseInt(group, 16));
  const after = [...(tail ?? [])].map((group) => Number.parseInt(group, 16));
  return [...before, ...Array(8 - before.length - after.length).fill(0), ...after];
}

const bits128 = (groups: number[]): bigint => groups.reduce((bits, group) => (bits << 16n) | BigInt(group), 0n);

const samePrefix = (a: bigint, b: bigint, length: number): boolean => (a ^ b) >> BigInt(128 - length) === 0n;
