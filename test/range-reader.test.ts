import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Open, RangeReader, type Timeout, withoutSecrets } from '../src/data/range-reader.js';
import { readRemoteTensors } from '../src/data/remote.js';
import { toFloat32, writeSafetensors } from '../src/data/safetensors.js';
import { PoseGanError, UsageError } from '../src/gpu/errors.js';
import { httpOpener, isPrivate } from '../src/node/http.js';

const file = writeSafetensors(
  new Map([
    ['a', { shape: [2], data: Float32Array.of(1, 2) }],
    ['b', { shape: [3], data: Float32Array.of(3, 4, 5) }],
  ]),
);

/** Answers a request for the bytes [from, to] of a path of the server. */
type Behaviour = (response: ServerResponse, from: number, to: number, request: IncomingMessage) => void;
const range = (from: number, to: number, total: number | string = file.length) => `bytes ${from}-${to}/${total}`;
const send = (response: ServerResponse, from: number, to: number, headers = {}, body = file.slice(from, to + 1)) =>
  response.writeHead(206, { 'content-range': range(from, to), ...headers }).end(body);

let requests = 0;
let authorization: string | undefined;
/** The number of bytes that endless answers have sent, and whether the other side closed their connections. */
const endless = { bytes: 0, closed: Promise.resolve() };

function stream(response: ServerResponse): void {
  endless.bytes = 0;
  endless.closed = new Promise((done) => response.on('close', done));
  const block = new Uint8Array(1 << 16);
  const more = () => {
    while (!response.destroyed && response.write(block)) endless.bytes += block.length;
  };
  response.on('drain', more);
  more();
}

const BEHAVIOURS: Record<string, Behaviour> = {
  file: (r, from, to) => send(r, from, to),
  'whole/endless': (r) => stream(r.writeHead(200)),
  'more/endless': (r, from, to) => stream(r.writeHead(206, { 'content-range': range(from, to) })),
  'one more': (r, from, to) => send(r, from, to, { 'transfer-encoding': 'chunked' }, file.slice(from, to + 2)),
  'one less': (r, from, to) => send(r, from, to, { 'transfer-encoding': 'chunked' }, file.slice(from, to)),
  'length lies': (r, from, to) => send(r, from, to, { 'content-length': 2 ** 40 }),
  gzip: (r, from, to) => send(r, from, to, { 'content-encoding': 'gzip' }),
  identity: (r, from, to) => send(r, from, to, { 'content-encoding': 'identity' }),
  elsewhere: (r, from, to) => send(r, from, to, { 'content-range': range(from + 1, to + 1) }),
  longer: (r, from, to) => send(r, from, to, { 'content-range': range(from, to + 1) }),
  'too short': (r, from, to) => send(r, from, to, { 'content-range': range(from, to, to) }),
  'no range': (r, from, to) => r.writeHead(206).end(file.slice(from, to + 1)),
  parts: (r) => r.writeHead(206, { 'content-type': 'multipart/byteranges; boundary=x' }).end('--x'),
  'no total': (r, from, to) => send(r, from, to, { 'content-range': range(from, to, '*') }),
  breaks: (r, from, to) => {
    r.writeHead(206, { 'content-range': range(from, to), 'content-length': to + 1 - from });
    r.write(file.slice(from, from + 3), () => r.destroy());
  },
  'other total': (r, from, to) => send(r, from, to, { 'content-range': range(from, to, file.length + (from ? 1 : 0)) }),
  'other file': (r, from, to) => send(r, from, to, { etag: `"${from}"` }),
  silent: () => {},
  stalls: (r, from, to) => {
    r.writeHead(206, { 'content-range': range(from, to) });
    r.write(file.slice(from, from + 3));
  },
  // This is a raw answer, because Node's own server refuses to send such a text.
  coloured: (r) => (r.socket as Socket).end('HTTP/1.1 503 \x1b[31mred alert\r\nContent-Length: 0\r\n\r\n'),
  forbidden: (r, _from, _to, request) => {
    authorization = request.headers.authorization;
    r.writeHead(403).end();
  },
  hole: (r, from, to) => {
    const holed = new Uint8Array(file.length + 4);
    holed.set(file);
    send(r, from, to, { 'content-range': range(from, to, holed.length) }, holed.slice(from, to + 1));
  },
  round: (r) => r.writeHead(302, { location: '/round' }).end(),
  'to a file': (r) => r.writeHead(302, { location: 'file:///etc/passwd' }).end(),
  'to a script': (r) => r.writeHead(302, { location: 'data:text/plain,x' }).end(),
  nowhere: (r) => r.writeHead(302).end(),
  'by decimals': (r) => r.writeHead(307, { location: `http://2130706433:${port}/file` }).end(),
  'by octals': (r) => r.writeHead(307, { location: `http://0177.0.0.01:${port}/file` }).end(),
  'by IPv6': (r) => r.writeHead(307, { location: `http://[::ffff:7f00:1]:${port}/file` }).end(),
  'by name': (r) => r.writeHead(307, { location: `http://inner.test:${port}/file?token=secret` }).end(),
  'by two steps': (r) => r.writeHead(301, { location: `http://outer.test:${port}/by name` }).end(),
  'to a public one': (r) => r.writeHead(308, { location: `http://outer.test:${port}/file` }).end(),
};

let server: Server;
let base: string;
let port: number;
beforeAll(async () => {
  server = createServer((request, response) => {
    requests++;
    const [, from = 0, to = 0] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')?.map(Number) ?? [];
    const path = decodeURIComponent((request.url ?? '').slice(1)).replace(/\?.*/, '');
    (BEHAVIOURS[path] as Behaviour)(response, from, to, request);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  ({ port } = server.address() as AddressInfo);
  base = `http://127.0.0.1:${port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** Every name resolves to this machine, but `outer.test` counts as public. */
const opener = httpOpener({
  resolve: (_, found) => found(null, [{ address: '127.0.0.1', family: 4 }]),
  isPrivate: (address, host) => host !== 'outer.test' && isPrivate(address),
});
const read = (path: string, open: Open | undefined = opener, timeout?: Timeout) =>
  readRemoteTensors(`${base}/${path}`, () => ['b'], { open, timeout });

describe.each([
  ['Node’s opener', opener],
  ['fetch', undefined],
] as const)('with %s', (_, open) => {
  test.each(['file', 'identity', 'no total'])('the wanted tensor arrives from /%s', async (path) => {
    const { tensors, total } = await read(path, open);
    expect([...tensors].map(([k, t]) => [k, [...toFloat32(t)]])).toEqual([['b', [3, 4, 5]]]);
    expect(total).toBe(path === 'no total' ? undefined : file.length);
  });

  test.each([
    ['one more', /asked for 8 bytes, the server sends more/],
    ['one less', /asked for 8 bytes, got 7: it is cut short/],
    ['length lies', /asked for 8 bytes, the server announces "1099511627776"/],
    ['gzip', /with the encoding "gzip", though asked not to/],
    ['elsewhere', /asked for bytes 0-7, the server sends 1-8/],
    ['longer', /asked for bytes 0-7, the server sends 0-8/],
    ['too short', /it has 7 bytes, 8 are needed: it is cut short/],
    ['no range', /ignores byte ranges/],
    ['parts', /ignores byte ranges/],
    ['breaks', /the connection broke after 3 of 8 bytes: .*Try again/],
    ['other total', /changed while it was read/],
    ['other file', /changed while it was read/],
    ['forbidden', /the server answers 403 "Forbidden"/],
    ['hole', /its values take 20 bytes, the file has 24 for them/],
  ])('the answer of /%s is an error that names the address', async (path, message) => {
    const reading = read(path, open);
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toThrow(`${base}/`);
    await expect(reading).rejects.toBeInstanceOf(PoseGanError);
  });

  test.each([
    ['whole/endless', /ignores byte ranges/],
    ['more/endless', /sends more/],
  ])('reading /%s stops, and the connection is closed', async (path, message) => {
    await expect(read(path, open)).rejects.toThrow(message);
    await endless.closed;
    // This is as much as the sockets of both sides can buffer.
    expect(endless.bytes).toBeLessThan(64 << 20);
  });

  test.each(['silent', 'stalls'])('reading /%s is given up after 30 s without progress', async (path) => {
    const set: number[] = [];
    let pending: (() => void) | undefined;
    const timeout: Timeout = {
      milliseconds: 30_000,
      timer: (milliseconds, expired) => {
        set.push(milliseconds);
        pending = expired;
        // The third timestamp is set when the first bytes of a body arrive.
        if (set.length === (path === 'silent' ? 1 : 3)) setImmediate(expired);
        return () => {
          pending = undefined;
        };
      },
    };
    await expect(read(path, open, timeout)).rejects.toThrow(/: the server sent nothing for 30 s\./);
    expect(set).toEqual(Array(path === 'silent' ? 1 : 3).fill(30_000));
    expect(pending).toBeUndefined();
  });
});

test('no timer is left once all bytes have arrived', async () => {
  let open = 0;
  const timer: Timeout['timer'] = () => {
    open++;
    return () => open--;
  };
  const reader = new RangeReader(new URL(`${base}/file`), 'x', { open: opener, timeout: { milliseconds: 1, timer } });
  expect([...(await reader.read(0, 8))]).toEqual([...file.slice(0, 8)]);
  expect(open).toBe(0);
});

test('control characters of a status text are escaped', async () => {
  await expect(read('coloured')).rejects.toThrow(/the server answers 503 "\\u001b\[31mred alert"/);
});

test('user, password and query are sent but never shown', async () => {
  const url = `http://me:secret@127.0.0.1:${port}/forbidden?signature=hidden#x`;
  const error = await readRemoteTensors(url, () => [], { open: opener }).catch((e: Error) => e.message);
  expect(authorization).toBe(`Basic ${Buffer.from('me:secret').toString('base64')}`);
  expect(error).toMatch(`127.0.0.1:${port}/forbidden?…: the server answers 403`);
  expect(error).not.toMatch(/secret|hidden|me:/);
  expect(withoutSecrets('ftp://me:secret@x/y')).toBe('ftp://x/y');
  expect(withoutSecrets('//me:secret@x')).toBe('"//x"');
});

describe('redirects', () => {
  test.each([
    ['round', /redirected more than 5 times/],
    ['to a file', /redirected to file:\/\/\/etc\/passwd, which is not an http or https address/],
    ['to a script', /redirected to data:text\/plain,x, which is not an http/],
    ['nowhere', /redirected to nowhere/],
  ])('the redirect of /%s is an error', async (path, message) => {
    await expect(read(path)).rejects.toThrow(message);
    await expect(read(path)).rejects.toBeInstanceOf(PoseGanError);
  });

  test.each(['by decimals', 'by octals', 'by IPv6', 'by name', 'by two steps'])(
    'from a public address to a private one are refused before anything is requested there: /%s',
    async (path) => {
      requests = 0;
      const reading = readRemoteTensors(`http://outer.test:${port}/${path}`, () => ['b'], { open: opener });
      await expect(reading).rejects.toThrow(
        /outer\.test.* redirects to .* on the private address (::ffff:7f00:1|127\.0\.0\.1), which/,
      );
      await expect(reading).rejects.not.toThrow(/token|secret/);
      expect(requests).toBe(path === 'by two steps' ? 2 : 1);
    },
  );

  test.each(['by decimals', 'by name', 'to a public one'])('from a private address are followed: /%s', async (path) => {
    expect((await read(path)).tensors.size).toBe(1);
  });
});

test('addresses of private networks are recognised in every notation that a resolver returns', () => {
  for (const address of [
    ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '127.255.255.254', '169.254.169.254', '172.16.0.1'],
    ...['172.31.255.255', '192.168.1.1', '198.18.0.1', '224.0.0.1', '255.255.255.255', '::', '::1', 'fc00::1'],
    ...['fd12:3456::1', 'fe80::1', 'fe80::1%eth0', 'ff02::1', '::ffff:10.0.0.1', '::ffff:a00:1', '2002:a00:1::', 'x'],
  ])
    expect([address, isPrivate(address)]).toEqual([address, true]);
  for (const address of [
    '8.8.8.8',
    '172.15.0.1',
    '172.32.0.1',
    '100.128.0.1',
    '192.169.0.1',
    '2606:4700::1111',
    '::ffff:8.8.8.8',
  ])
    expect([address, isPrivate(address)]).toEqual([address, false]);
});

test('a name without an address and an invalid address are errors', async () => {
  const none = httpOpener({ resolve: (_, found) => found(null, []) });
  await expect(readRemoteTensors('http://none.test/x', () => [], { open: none })).rejects.toThrow(
    /none\.test\/x: it cannot be reached: none\.test has no address/,
  );
  await expect(readRemoteTensors('file:///x', () => [])).rejects.toBeInstanceOf(UsageError);
});
