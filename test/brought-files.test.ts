import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { triptychNames } from '../src/cli/generate-pairs.js';
import { merged, optionsIn } from '../src/cli/options-file.js';
import { chosenModel } from '../src/cli/selection.js';
import { positive, whole } from '../src/cli/values.js';
import { formatAnnotations, parseAnnotations } from '../src/data/annotations.js';
import { nameProblem } from '../src/data/file-name.js';
import { blank } from '../src/data/image.js';
import { parseJson } from '../src/data/json.js';
import { allPairs, formatPairs, parsePairs } from '../src/data/pairs.js';
import { decodeText } from '../src/data/text.js';
import { UsageError } from '../src/gpu/errors.js';
import { readBytes, readJson, readSkeleton, readText } from '../src/node/files.js';
import { flipDataset } from '../src/node/flip.js';
import { identityPattern } from '../src/node/identity.js';
import { encodePng } from '../src/node/images.js';
import { PERSON, type Pose, parseSkeleton } from '../src/pose/skeleton.js';

const root = mkdtempSync(join(tmpdir(), 'pose-gan-brought-'));
afterAll(() => rmSync(root, { recursive: true }));

/** Writes a file of these bytes and returns its path. */
function file(name: string, content: string | Uint8Array): string {
  const path = join(root, name);
  writeFileSync(path, content);
  return path;
}
const caseFile = (name: string) => fileURLToPath(new URL(`fixtures/cases/${name}`, import.meta.url));
const pose: Pose = PERSON.joints.map((_, i) => [i + 1, 2 * i]);
const row = (name: string) => formatAnnotations(new Map([[name, pose]])).split('\n')[1] as string;
const HEADER = 'name:keypoints_y:keypoints_x';

describe('texts', () => {
  const utf16 = (text: string, swapped = false) => {
    const bytes = Buffer.from(text, 'utf16le');
    return swapped ? bytes.swap16() : bytes;
  };
  test.each([
    ['UTF-16 with its mark', utf16('\uFEFF[1]'), /is a text in UTF-16\. Save it as UTF-8\./],
    ['UTF-16 the other way round', utf16('\uFEFF[1]', true), /is a text in UTF-16/],
    ['UTF-16 without a mark', utf16('[1]'), /is a text in UTF-16/],
    ['UTF-16 the other way round without a mark', utf16('[1]', true), /is a text in UTF-16/],
    ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x5b, 0, 0, 0]), /is a text in UTF-32/],
    ['UTF-32 without a mark', Buffer.from([0x5b, 0, 0, 0, 0x5d, 0, 0, 0]), /is a text in UTF-32/],
    ['Latin-1', Buffer.from('["é"]', 'latin1'), /is not UTF-8 text/],
    ['zero bytes', Buffer.from('name\0'), /zero bytes/],
    ['nothing', new Uint8Array(), /is an empty file/],
    ['an HTML page', Buffer.from('<!DOCTYPE html><html>'), /is an HTML page\. A server sent a page/],
    [
      'an LFS pointer',
      Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:0\n'),
      /is a Git LFS pointer/,
    ],
    ['an archive', Buffer.from([0x1f, 0x8b, 8, 0]), /is a gzip archive/],
    ['a picture', encodePng(blank(2, 2)), /is a PNG picture/],
  ])('%s is named as what it is', (_, bytes, message) => {
    expect(() => decodeText(bytes, 'a.csv', 'table')).toThrow(UsageError);
    expect(() => decodeText(bytes, 'a.csv', 'table')).toThrow(/^cannot read the table a\.csv: it /);
    expect(() => decodeText(bytes, 'a.csv', 'table')).toThrow(message);
  });

  test('a byte order mark does not matter in any file', () => {
    expect(readJson(file('bom.json', '\uFEFF{"a": 1}'))).toEqual({ a: 1 });
    expect(parseJson('\uFEFF[1]', 'x')).toEqual([1]);
    const table = `\uFEFF${HEADER}\n${row('a.png')}\n`;
    expect(parseAnnotations(readText(file('bom.csv', table)), 'bom.csv', PERSON).get('a.png')).toEqual(pose);
    expect(parseAnnotations(table, 'bom.csv', PERSON).get('a.png')).toEqual(pose);
    expect(readSkeleton(file('skeleton.json', `\uFEFF${JSON.stringify(PERSON)}`))).toEqual(PERSON);
    expect(optionsIn(file('config.json', '\uFEFF{"seed": 3}'), { seed: { type: 'string' } })).toEqual({ seed: '3' });
  });

  test('a file that is too large or endless is refused without being read', () => {
    expect(() => decodeText(new Uint8Array(5), 'x', 'file', 4)).toThrow(/more than 0 MB, which is the limit/);
    expect(() => readText('/dev/zero', 'config file', 1000)).toThrow(/config file \/dev\/zero: it has more than/);
    expect(() => readBytes('/dev/zero', 'checkpoint')).toThrow(
      'the checkpoint /dev/zero is not a regular file and has more than 256 MB; save it as a file first',
    );
  });
});

describe('JSON', () => {
  test.each([
    ['{"a": NaN}', /x is not JSON: .*JSON has no NaN; write null for a missing value/],
    ['[1, -Infinity]', /JSON has no Infinity/],
    ['{"a": 1, "b": {"c": 1, "c": 2}}', /"c" occurs twice/],
    ['{"a": 1, "\\u0061": 2}', /"a" occurs twice/],
    [`${'['.repeat(100)}${']'.repeat(100)}`, /nests more than 64/],
    ['[1, 2', /x is not JSON/],
    [' ', /x is not JSON: it is empty/],
  ])('%s is refused', (text, message) => {
    expect(() => parseJson(text, 'x')).toThrow(UsageError);
    expect(() => parseJson(text, 'x')).toThrow(message);
  });
});

describe('names in tables', () => {
  const bad = [
    ['../a.png', /names a folder/],
    ['..\\a.png', /names a folder/],
    ['/etc/passwd', /names a folder/],
    ['sub/a.png', /names a folder/],
    ['..', /is a folder/],
    ['.', /is a folder/],
    ['a\x1b[31m.png', /control character/],
    ['a\0.png', /control character/],
    ['a\x85.png', /control character/],
    [`${'ä'.repeat(130)}.png`, /more than 255 bytes/],
  ] as const;
  test.each(bad)('%j leads nowhere', (name, message) => {
    const annotations = `${HEADER}\n${row('a.png')}\n${row(name)}\n`;
    expect(() => parseAnnotations(annotations, 'a.csv', PERSON)).toThrow(message);
    expect(() => parseAnnotations(annotations, 'a.csv', PERSON)).toThrow(/^a\.csv, row 3: /);
    for (const line of [`a.png,${name}`, `${name},a.png`, `a.png,"${name}"`])
      expect(() => parsePairs(`from,to\n${line}\n`, 'p.csv')).toThrow(message);
    expect(() => parsePairs(`from,to\na.png,${name}\n`, 'p.csv')).toThrow(/^p\.csv, row 2: /);
  });

  test('a drive letter counts as a folder; dots and other alphabets do not', () => {
    expect(() => parsePairs('from,to\na.png,C:a.png\n', 'p.csv')).toThrow(
      /row 2: "C:a\.png" cannot be .* names a folder/,
    );
    for (const name of ['..a.png', 'a..b', '...', 'Zoë 1.jpg', '日本.png', '1:b.png', '-1_x.jpg', 'x'.repeat(255)])
      expect(nameProblem(name)).toBeUndefined();
  });

  test('mirroring writes nothing outside its dataset, neither by a name nor through a link', () => {
    const data = join(root, 'flip');
    const images = join(data, 'd-dataset/train');
    mkdirSync(images, { recursive: true });
    const outside = file('outside.png', encodePng(blank(40, 40, [1, 2, 3])));
    const before = readFileSync(outside);
    writeFileSync(join(images, 'a.png'), encodePng(blank(40, 40)));
    const flip = (table: string) => {
      writeFileSync(join(data, 'd-annotation-train.csv'), `${HEADER}\n${table}\n`);
      return flipDataset({ folder: data, name: 'd', split: 'train', skeleton: PERSON });
    };
    expect(() => flip(row('../../../outside.png'))).toThrow(/d-annotation-train\.csv, row 2: .* names a folder/);
    expect(() => flip(row(`${'a'.repeat(250)}.png`))).toThrow(/cannot read the image/);
    expect(readdirSync(images)).toEqual(['a.png']);
    symlinkSync(outside, join(images, 'a_flip.png'));
    expect(flip(row('a.png'))).toEqual({ images: 1, pairs: 0 });
    expect(readFileSync(outside)).toEqual(before);
  });

  test('two triptychs of one name are an error', () => {
    expect(triptychNames([['a.png', 'b.png']])).toEqual(['a.png_b.png.png']);
    const clash = [
      ['a', 'b_c'],
      ['a_b', 'c'],
    ] as const;
    expect(() => triptychNames(clash)).toThrow(
      /triptych of a_b → c would be a_b_c\.png: this is also the name for a → b_c/,
    );
    expect(() => triptychNames([['a'.repeat(200), 'b'.repeat(200)]])).toThrow(/more than 255 bytes/);
  });
});

describe('tables', () => {
  test('quotation marks, other line endings and blanks do not matter', () => {
    const quoted = row('a.png').replace(/^a\.png: (.*): (.*)$/, '"a.png" :"$1":  "$2"  ');
    for (const end of ['\n', '\r\n', '\r'])
      expect(parseAnnotations(['"name":"keypoints_y":"keypoints_x"', '', quoted, ''].join(end), 'a', PERSON)).toEqual(
        new Map([['a.png', pose]]),
      );
    expect(parsePairs('"from","to"\r\n"a ""x"", 1.png" , b.png\r\n', 'p')).toEqual({
      pairs: [['a "x", 1.png', 'b.png']],
      rows: [2],
    });
  });

  test('names with separators and quotation marks are written so that they are read back', () => {
    const [a, b] = ['a, "b": c.png', '"d".png'] as const;
    const text = formatAnnotations(
      new Map([
        [a, pose],
        [b, pose],
      ]),
    );
    expect([...parseAnnotations(text, 'a', PERSON).keys()]).toEqual([a, b]);
    expect(parsePairs(formatPairs([[a, b]]), 'p').pairs).toEqual([[a, b]]);
  });

  test.each([
    ['from,to\na.png,"b.png', /p, row 2: its quotation marks do not match/],
    ['from,to\n"a.png"x,b.png', /p, row 2: its quotation marks/],
    ['from;to\na;b', /p, row 1: the header must be from,to, found from;to/],
    ['from,to\na,b\nb,a\n\na,b', /p, row 5: the pair is already in row 2/],
    ['from,to\na,', /p, row 2: it must be two image names/],
    [`from,to\n${','.repeat(1e6)}`, /p, row 2: it must be two image names/],
  ])('the pairs table %j is refused', (text, message) => {
    expect(() => parsePairs(text, 'p')).toThrow(message);
  });

  test.each([
    ['[NaN]', /row 2: keypoints_y of a\.png is not a JSON array: \[NaN\]/],
    ['[Infinity]', /is not a JSON array/],
    [`[${'1,'.repeat(1e5)}1]`, /keypoints_y of a\.png is not a JSON array: \[1,1,/],
    [`[${Array(18).fill(1e300)}]`, /has 1e\+300 for nose; integers/],
    [`[${Array(18).fill('[]')}]`, /has \[\] for nose/],
  ])('the joints %j are refused', (joints, message) => {
    expect(() => parseAnnotations(`${HEADER}\na.png: ${joints}: ${joints}\n`, 'a', PERSON)).toThrow(message);
  });

  test('several joints of a row at 0, 0 are missing, and one note says so', () => {
    const zeros = pose.map((p, i) => (i % 5 ? p : [0, 0])) as Pose;
    const one = pose.map((p, i) => (i ? p : [0, 0])) as Pose;
    const notes: string[] = [];
    const text = formatAnnotations(
      new Map([
        ['a.png', pose],
        ['b.png', zeros],
        ['c.png', one],
        ['d.png', zeros],
      ]),
    );
    const read = parseAnnotations(text, 'a.csv', PERSON, { onNote: (n) => notes.push(n) });
    expect(read.get('b.png')).toEqual(pose.map((p, i) => (i % 5 ? p : null)));
    expect(read.get('c.png')).toEqual(one);
    expect(notes).toEqual([expect.stringMatching(/a\.csv: joints at exactly 0, 0 .* \(row 3, b\.png and 1 more\)/)]);
  });

  test('more pairs than fit in memory are refused before they are made', () => {
    const names = Array.from({ length: 100_000 }, (_, i) => `${i}.png`);
    expect(() => allPairs(new Map([['all', names]]))).toThrow(
      /give 9,999,900,000 pairs, .*"all" alone has 100,000 images/,
    );
  });

  test('a pattern that backtracks forever ends with an error that names it', () => {
    const names = ['a_1.png', `${'a'.repeat(60)}!`];
    expect(() => identityPattern('^(a+)+$', names, 200)).toThrow(
      /the identity pattern \^\(a\+\)\+\$ did not finish within 0\.2 s, at the name a{60}!/,
    );
    expect(() => identityPattern('(', [])).toThrow(/the identity pattern \( is not a regular expression/);
    const rule = identityPattern('^(.*id\\d+)_', ['MENJackets_Vestsid01_1front.jpg', 'other.jpg']);
    expect([rule('MENJackets_Vestsid01_1front.jpg'), rule('other.jpg')]).toEqual(['MENJackets_Vestsid01', undefined]);
  });
});

describe('configurations', () => {
  const OPTIONS = { seed: { type: 'string' }, preset: { type: 'string' }, resume: { type: 'boolean' } } as const;
  const read = (text: string) => optionsIn(file('run.json', text), OPTIONS);
  test.each([
    ['null', /the config file .*run\.json must be an object, found null/],
    ['[1]', /must be an object, found \[1\]/],
    ['3', /must be an object, found 3/],
    [
      '{"sed": 1}',
      /the config file .*run\.json has the field "sed", which is not known; known are seed, preset, resume/,
    ],
    ['{"__proto__": {"seed": 1}}', /has the field "__proto__"/],
    ['{"constructor": 1}', /has the field "constructor"/],
    ['{"seed": null}', /run\.json: "seed" must be a text or a number, found null/],
    ['{"seed": [1]}', /"seed" must be a text or a number, found \[1\]/],
    ['{"seed": true}', /"seed" must be a text or a number, found true/],
    ['{"resume": "yes"}', /"resume" must be true or false, found "yes"/],
    ['{"seed": 1, "seed": 2}', /run\.json is not JSON: the name "seed" occurs twice/],
    ['{', /the config file .*run\.json is not JSON/],
  ])('%s is refused with file and field', (text, message) => {
    expect(() => read(text)).toThrow(UsageError);
    expect(() => read(text)).toThrow(message);
  });

  test('errors that appear later name the file too, unless the value is from the command line', () => {
    const values = read('{"seed": -1, "preset": "best"}');
    expect(() => whole(values, 'seed', 0)).toThrow(
      /^"seed" in .*run\.json must be a whole number of at least 0, got "-1"/,
    );
    expect(() => chosenModel(values)).toThrow(/^.*run\.json: .*best/);
    const both = merged(values, { seed: 'x', preset: 'paper' });
    expect(() => whole(both, 'seed', 0)).toThrow(/^--seed must be/);
    expect(() => positive(merged(values, {}), 'seed', 1)).toThrow(/^"seed" in /);
    for (const rate of ['Infinity', '1e999', 'NaN', '0', '-1', ''])
      expect(() => positive({ 'learning-rate': rate }, 'learning-rate', 1)).toThrow(
        `--learning-rate must be a positive number, got "${rate}"`,
      );
    expect(positive({ 'learning-rate': '2e-4' }, 'learning-rate', 1)).toBe(0.0002);
    // Without a limit the budget of pose-gan tune is infinite.
    expect(positive({}, 'budget', Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
    expect(chosenModel(both).recipe.preset).toBe('paper');
  });

  test('errors of options and parts that are null name their file', () => {
    expect(() => optionsIn(caseFile('config/options-null.json'), OPTIONS)).toThrow(
      /options-null\.json must be an object/,
    );
    expect(() => readSkeleton(caseFile('config/skeleton-null-part.json'))).toThrow(
      /skeleton-null-part\.json is not a skeleton: "parts\[0\]" must be an object, got null/,
    );
  });

  const copy = () => JSON.parse(JSON.stringify(PERSON));
  const changed = (change: (s: ReturnType<typeof copy>) => void) => {
    const skeleton = copy();
    change(skeleton);
    return skeleton;
  };
  test.each([
    [null, /it needs "joints".*found null/],
    [[], /it needs "joints"/],
    ['x', /it needs "joints".*found "x"/],
    [changed((s) => Object.assign(s, { colour: 1 })), /it cannot have "colour"/],
    [changed((s) => Object.assign(s.parts[2], { lenght: 1 })), /part right_thigh cannot have "lenght"/],
    [changed((s) => Object.assign(s.trunk, { x: 1 })), /it\.trunk cannot have "x"/],
    [
      changed((s) => Object.assign(s.parts[2], { extend: '1' })),
      /right_thigh\.extend must be a finite number, got "1"/,
    ],
    [changed((s) => Object.assign(s.parts[2], { from: null })), /right_thigh names the joint null/],
    [changed((s) => Object.assign(s.parts[2], { name: 5 })), /part 5\.name must be a string/],
    [changed((s) => Object.assign(s.parts[2], { kind: 'constructor' })), /must be of kind limb, box or trunk/],
    [changed((s) => s.joints.push(7)), /it\.joints\.18 must be a string, got 7/],
    [
      changed((s) => s.joints.push(...Array.from({ length: 999 }, (_, i) => `j${i}`))),
      /"joints" has 1017; 256 are possible/,
    ],
    [changed((s) => Object.assign(s, { trunk: 'x' })), /"trunk\.joints" must be a list of joints/],
    [changed((s) => Object.assign(s, { mirror: [null] })), /"mirror" must be a list of pairs/],
    [changed((s) => Object.assign(s, { parts: [5] })), /"parts\[0\]" must be an object, got 5/],
  ])('the skeleton %# is refused with file and field', (skeleton, message) => {
    expect(() => parseSkeleton(skeleton, 's.json')).toThrow(UsageError);
    expect(() => parseSkeleton(skeleton, 's.json')).toThrow(message);
    expect(() => parseSkeleton(skeleton, 's.json')).toThrow(/^s\.json is not a skeleton: /);
  });
});
