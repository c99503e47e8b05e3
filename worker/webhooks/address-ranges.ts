import ipaddr from 'ipaddr.js';

/** Of IPv6 only this is allocated; of it, this is set aside for protocols (RFC 2928). */
const allocated = ipaddr.IPv6.parseCIDR('2000::/3');
const protocols = ipaddr.IPv6.parseCIDR('2001::/23');

/**
 * True for an address of the public internet, which no IANA special-purpose registry lists. `address` as the WHATWG URL
 * parser spells it, without brackets. 6to4 counts as special: it would lead to the IPv4 address inside.
 */
export function isPublicAddress(address: string): boolean {
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') return false;
  return parsed instanceof ipaddr.IPv4 || (parsed.match(allocated) && !parsed.match(protocols));
}
