import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { fileKind, kindOf, withFileKind } from '../src/data/file-kind.js';
import { readSafetensors, writeSafetensors } from '../src/data/safetensors.js';
import { UsageError } from '../src/gpu/errors.js';

/** Returns Latin-1 text as bytes. */
const bytes = (text: string, length = 0) =>
  Uint8Array.from({ length: Math.max(length, text.length) }, (_, i) => (i < text.length ? text.charCodeAt(i) : 0));

/** Makes a tar archive of one empty file. The oldest archives have no `magic`. */
function tar(magic: string, name = 'a.txt'): Uint8Array {
  const header = bytes(name, 512);
  header.set(
    bytes('0000644\0' + '0001750\0' + '0001750\0' + '00000000000\0' + '13000000000\0' + '        ' + '0'),
    100,
  );
  header.set(bytes(magic), 257);
  const sum = header.reduce((a, b) => a + b, 0);
  header.set(bytes(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
  return header;
}

test.each<[string, Uint8Array, string]>([
  ['nothing', new Uint8Array(), 'an empty file'],
  ['zeros', new Uint8Array(3000), 'a file of zeros, as an interrupted download leaves'],
  [
    'an LFS pointer',
    bytes('version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 548\n'),
    'a Git LFS pointer, not the file it stands for',
  ],
  ['a page', bytes('\n\n<!DOCTYPE html><html lang="en">'), 'an HTML page'],
  ['a page behind a byte order mark', bytes('\xef\xbb\xbf<HTML><head>'), 'an HTML page'],
  ['an answer of S3', bytes('<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'), 'an XML document'],
  ['a drawing', bytes('<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'), 'an SVG picture'],
  ['JSON', bytes(' {\n "a": 1 }'), 'a JSON text'],
  ['text', bytes('Entry not found'), 'a text that begins "Entry not found"'],
  ['text in UTF-16', bytes('\xff\xfea\0'), 'a text in UTF-16'],
  ['Keras’s old format', bytes('\x89HDF\r\n\x1a\n\0\0', 600), 'an HDF5 file (Keras .h5)'],
  [
    'HDF5 after a user block',
    Uint8Array.of(...new Uint8Array(512).fill(1), ...bytes('\x89HDF\r\n\x1a\n')),
    'an HDF5 file (Keras .h5)',
  ],
  ['gzip', gzipSync('x'), 'a gzip archive'],
  ['tar', tar('ustar\0' + '00'), 'a tar archive'],
  ['tar of PyTorch', tar('ustar\0' + '00', 'sys_info'), 'a PyTorch file of 2016, a tar archive'],
  ['tar of Unix V7', tar(''), 'a tar archive'],
  ['a zip', bytes(`PK\x03\x04\x14\0\0\0\0\0${'\0'.repeat(16)}\x05\0\0\0a.txtx`), 'a zip archive'],
  ['npz', bytes(`PK\x03\x04\x14\0\0\0\0\0${'\0'.repeat(16)}\x05\0\0\0a.npyx`), 'a NumPy archive (.npz)'],
  ['npy', bytes("\x93NUMPY\x01\0v\0{'descr': '<f4'"), 'a NumPy array (.npy)'],
  ['ONNX', bytes('\x08\x07\x12\x07pytorch\x1a\x031.9:'), 'an ONNX model'],
  ['a SavedModel', bytes('\x08\x01\x12\xf4\x82\x02\n\x9e\x01'), 'a TensorFlow SavedModel'],
  ['a frozen graph', bytes('\n\x1d\n\x05input\x12\x0bPlaceholder*\x07\n\x05dtype'), 'a TensorFlow graph (.pb)'],
  ['a caffemodel', bytes('\n\x14VGG_ILSVRC_19_layers\x12\x8a\x01'), 'a Caffe model (.caffemodel)'],
  [
    'a table of a TensorFlow checkpoint',
    Uint8Array.of(...new Uint8Array(48).fill(3), 0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb),
    'a TensorFlow checkpoint',
  ],
  ['GGUF', bytes('GGUF\x03\0\0\0'), 'a GGUF file'],
  ['MATLAB', bytes('MATLAB 5.0 MAT-file, Platform: GLNXA64'), 'a MATLAB file (.mat)'],
  ['Torch7', bytes('\x04\0\0\0\x01\0\0\0\x03\0\0\0V 1'), 'a Torch7 file (.t7)'],
  ['a pickle', bytes('\x80\x04\x95\x0b\0'), 'a Python pickle'],
  ['a pickle of protocol 0', bytes('(dp0\nS"a"\n'), 'a Python pickle'],
  ['safetensors', writeSafetensors(new Map()), 'a safetensors file'],
  ['AVIF', bytes('\0\0\0\x20ftypavif'), 'an AVIF picture'],
  ['HEIC', bytes('\0\0\0\x18ftypheic'), 'a HEIC picture'],
  ['WebP', bytes('RIFF\x24\0\0\0WEBPVP8 '), 'a WebP picture'],
  ['JPEG XL', bytes('\0\0\0\x0cJXL \r\n\x87\n'), 'a JPEG XL picture'],
  ['a BMP', bytes('BM\x46\0\0\0\0\0'), 'a BMP picture'],
  ['a text that begins like a BMP', bytes('BM is no picture'), 'a text that begins "BM is no picture"'],
])('%s is named', (_, content, name) => {
  expect(kindOf(content)).toBe(name);
});

test('files of torch.save are named, in both formats', () => {
  const read = (name: string) => kindOf(readFileSync(`test/fixtures/torch/${name}.pth`));
  expect([read('zip'), read('legacy')]).toEqual(['a PyTorch file', 'a PyTorch file (torch.save before 1.6)']);
});

test('every fixture is recognised as a safetensors file, though the format has no signature', () => {
  const names = readdirSync('test/fixtures').filter((n) => n.endsWith('.safetensors'));
  expect(names.length).toBeGreaterThan(20);
  expect(new Set(names.map((n) => kindOf(readFileSync(`test/fixtures/${n}`))))).toEqual(
    new Set(['a safetensors file']),
  );
});

test('unknown bytes have no name, and pointers and pages say what to do', () => {
  expect(kindOf(Uint8Array.of(3, 1, 4, 1, 5, 9, 2, 6))).toBeUndefined();
  expect(fileKind(bytes('version https://git-lfs.github.com/spec/v1'))?.advice).toMatch(/git lfs pull/);
  expect(fileKind(bytes('<html>'))?.advice).toMatch(/\/resolve\//);
});

test('the error of a reader says what a file of another kind is, but leaves errors of damaged files as they are', () => {
  const refusal = (content: Uint8Array) => {
    try {
      readSafetensors(content, 'w');
    } catch (error) {
      return withFileKind(error, content, 'w') as UsageError;
    }
  };
  const html = refusal(bytes('<!doctype html><title>Log in</title>'));
  expect(html).toBeInstanceOf(UsageError);
  expect(html?.message).toMatch(/^w is not a safetensors file: it is an HTML page\. .*\/resolve\//);
  expect(refusal(bytes("\x93NUMPY\x01\0v\0{'descr'"))?.message).toMatch(/NumPy array \(\.npy\).*safetensors\.numpy/);
  expect(refusal(writeSafetensors(new Map()).subarray(0, 9))?.message).toMatch(/cut short/);
  const other = new RangeError('another');
  expect(withFileKind(other, bytes('<html>'), 'w')).toBe(other);
});
