/**
 * Where the hub may call on a tenant's word. URLs in bots' settings must not reach what only the hub can reach: loopback, private networks,
 * a cloud's metadata service. The address that was checked is the one that is used, so a name cannot change its meaning in between.
 */
import { lookup as resolve } from 'node:dns';
import { BlockList, isIP, isIPv4, type LookupFunction } from 'node:net';

export interface Egress {
  /** Why this URL is not called, in words for its author; null when it may be, as far as its text shows. */
  refusal(url: string): string | null;
  /** For `lookup` of an HTTP agent: answers no private address, except of hosts that the operator allows. */
  readonly lookup: LookupFunction;
}

const privateRanges: [string, number, 'ipv4' | 'ipv6'][] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  ['::', 127, 'ipv6'],
  ['64:ff9b::', 32, 'ipv6'],
  ['2002::', 16, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 9, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
];

/** IPv4 in IPv6's clothes is looked at as IPv4 (Node's own list does that), whichever way it is written. */
function createBlockList(): BlockList {
  const list = new BlockList();
  for (const [net, prefix, family] of privateRanges) list.addSubnet(net, prefix, family);
  return list;
}

const notAllowed = (host: string): string =>
  `${host} is a private address. Whoever runs the hub can allow it: EGRESS_ALLOW=${host}`;

/** `allow`: lower-case host names or addresses, each with or without a port. */
export function createEgress(allow: readonly string[]): Egress {
  const blocked = createBlockList();
  const isPrivate = (address: string): boolean => blocked.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
  const names = new Set(allow.map((entry) => entry.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')));
  return {
    refusal(text) {
      if (!URL.canParse(text)) return 'This is not a URL.';
      const url = new URL(text);
      if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'Only http:// and https:// are called.';
      if (url.username || url.password) return 'No user name or password in the URL: it would be shown and logged.';
      if (allow.includes(url.host) || allow.includes(url.hostname)) return null;
      const host = url.hostname.replace(/^\[|\]$/g, '');
      const local = host === 'localhost' || host.endsWith('.localhost');
      return local || (isIP(host) !== 0 && isPrivate(host)) ? notAllowed(url.host) : null;
    },
    lookup(host, options, answer) {
      resolve(host, { ...options, all: true }, (error, found) => {
        if (error) return void answer(error, '', 4);
        const fits = names.has(host.toLowerCase()) ? found : found.filter(({ address }) => !isPrivate(address));
        const [first] = fits;
        if (!first) answer(new Error(notAllowed(host)), '', 4);
        else if (options.all) answer(null, fits);
        else answer(null, first.address, first.family);
      });
    },
  };
}
