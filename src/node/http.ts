import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import * as http from 'node:http';
import * as https from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { type Open, withoutSecrets } from '../data/range-reader.js';
import { PoseGanError } from '../gpu/errors.js';

/** The largest number of redirects that are followed. Hugging Face needs two. */
const MAX_REDIRECTS = 5;
const REDIRECTS = [301, 302, 303, 307, 308];

/** Addresses that only machines of this network, or this machine, can reach (from IANA's special-purpose registries). */
const PRIVATE = new BlockList();
for (const [network, prefix] of [
  ...[
    ['0.0.0.0', 8],
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
  ],
  ...[
    ['172.16.0.0', 12],
    ['192.0.0.0', 24],
    ['192.168.0.0', 16],
    ['198.18.0.0', 15],
    ['224.0.0.0', 4],
  ],
  ['240.0.0.0', 4],
] as [string, number][])
  PRIVATE.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of [
  ...[
    ['::', 128],
    ['::1', 128],
    ['fc00::', 7],
    ['fe80::', 10],
    ['fec0::', 10],
    ['ff00::', 8],
  ],
  // 6to4, which is obsolete, can contain any IPv4 address.
  ['2002::', 16],
] as [string, number][])
  PRIVATE.addSubnet(network, prefix, 'ipv6');

/** Whether an IP address is private. IPv4 addresses written as IPv6 are treated as IPv4. */
export function isPrivate(address: string): boolean {
  const plain = address.split('%', 1)[0] as string;
  const family = isIP(plain);
  return family === 0 || PRIVATE.check(plain, family === 4 ? 'ipv4' : 'ipv6');
}

export interface HttpOptions {
  /** Resolves host names. Default: the system's resolver. */
  readonly resolve?: (host: string, found: (error: Error | null, addresses: LookupAddress[]) => void) => void;
  /** Whether an address of a host is private. */
  readonly isPrivate?: (address: string, host: string) => boolean;
}

const systemResolver: NonNullable<HttpOptions['resolve']> = (host, found) =>
  lookup(host, { all: true }, (error, addresses) => found(error, addresses));

/**
 * Opens http and https addresses. At most five redirects are followed, only to such addresses, and never from a public
 * address to a private one. A connection goes to the same IP address that was checked, so it does not matter if the name
 * resolves to another one a moment later. This cannot prevent a public server from fetching private addresses itself.
 */
export function httpOpener({ resolve = systemResolver, isPrivate: isForbidden = isPrivate }: HttpOptions = {}): Open {
  return async (url, headers, signal) => {
    let [at, wasPublic] = [url, false];
    for (let redirects = 0; ; redirects++) {
      const refuse = wasPublic
        ? (address: string, host: string) => {
            if (isForbidden(address, host))
              throw new PoseGanError(
                `${withoutSecrets(url.href)} redirects to ${withoutSecrets(at.href)} on the private address ${address}, ` +
                  'which public servers must not do. If you mean that address, give it directly.',
              );
          }
        : () => {};
      const response = await request(at, headers, signal, resolve, refuse);
      const { statusCode = 0, statusMessage = '' } = response;
      if (!REDIRECTS.includes(statusCode)) {
        const header = (name: string) => {
          const value = response.headers[name];
          return value === undefined ? null : String(value);
        };
        return { status: statusCode, statusText: statusMessage, header, body: response };
      }
      wasPublic ||= !isForbidden(response.socket.remoteAddress ?? '', hostOf(at));
      response.destroy();
      at = target(url, at, response.headers.location, redirects);
    }
  };
}

/** The target of a redirect. */
function target(start: URL, from: URL, location: string | undefined, redirects: number): URL {
  const fail = (what: string) => new PoseGanError(`${withoutSecrets(start.href)} ${what}. Check the address.`);
  if (redirects >= MAX_REDIRECTS) throw fail(`is redirected more than ${MAX_REDIRECTS} times`);
  if (!location || !URL.canParse(location, from.href)) throw fail('is redirected to nowhere');
  const to = new URL(location, from);
  if (to.protocol !== 'http:' && to.protocol !== 'https:')
    throw fail(`is redirected to ${withoutSecrets(to.href)}, which is not an http or https address`);
  return to;
}

/** The host of an address, without the brackets of IPv6. `URL` has already converted octal and decimal IPv4 addresses to dotted ones. */
const hostOf = (url: URL) => url.hostname.replace(/^\[|\]$/g, '');

function request(
  url: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  resolve: NonNullable<HttpOptions['resolve']>,
  check: (address: string, host: string) => void,
): Promise<http.IncomingMessage> {
  return new Promise((done, failed) => {
    const host = hostOf(url);
    if (isIP(host)) check(host, host);
    const checked: LookupFunction = (name, options: LookupOptions, found) =>
      resolve(name, (error, addresses) => {
        const first = addresses?.[0];
        if (error || !first) return found(error ?? new Error(`${name} has no address`), '', 0);
        try {
          for (const { address } of addresses) check(address, name);
        } catch (refusal) {
          return found(refusal as Error, '', 0);
        }
        if (options.all) found(null, addresses);
        else found(null, first.address, first.family);
      });
    const { get } = url.protocol === 'https:' ? https : http;
    get(url, { headers, signal, lookup: checked, agent: false }, done).on('error', failed);
  });
}
