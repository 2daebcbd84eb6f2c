import { exifOrientation, type Orientation } from './exif.js';
import { CutShort, sizeProblem } from './image-checks.js';
import { damaged, endOfScan, type Segment, SOS, segments } from './jpeg-segments.js';

export interface JpegComponent {
  readonly id: number;
  /** Horizontal and vertical sampling factors: samples in each unit of the picture that all components share. */
  readonly h: number;
  readonly v: number;
  /** The number of its quantisation table. */
  readonly table: number;
}

export interface JpegFrame {
  readonly progressive: boolean;
  readonly width: number;
  readonly height: number;
  readonly components: readonly JpegComponent[];
}

/** The codes of a Huffman table: how many there are of each length 1–16, and their values. */
export interface HuffmanSpec {
  readonly counts: Uint8Array;
  readonly values: Uint8Array;
}

interface JpegScanComponent {
  /** Its index in the frame. */
  readonly index: number;
  readonly dc: HuffmanSpec | undefined;
  readonly ac: HuffmanSpec | undefined;
  readonly quantisation: Uint16Array;
}

export interface JpegScan {
  readonly components: readonly JpegScanComponent[];
  /** The first and the last coefficient, in zigzag order. */
  readonly from: number;
  readonly to: number;
  /** In a progressive file, bits below `low` follow in later scans, and `high` is the `low` of the scan before, or 0 in the first. */
  readonly high: number;
  readonly low: number;
  /** Units between restart markers, or 0. */
  readonly restart: number;
  /** The compressed data, up to the next marker that is not a restart marker. */
  readonly data: Uint8Array;
}

export interface JpegHeader extends JpegFrame {
  readonly orientation: Orientation;
  readonly jfif: boolean;
  /** Adobe’s colour transform (0: RGB or CMYK as they are, 1: YCbCr, 2: YCCK), if the file has that marker. */
  readonly adobe: number | undefined;
}

export interface JpegFile extends JpegHeader {
  readonly scans: readonly JpegScan[];
}

/** The largest number of scans. Real files have about ten, and each makes the decoder pass over the whole picture. */
const MAX_SCANS = 100;
/**
 * The largest number of coefficients that all scans together pass over. That is five times those of the largest picture without
 * chroma subsampling, whereas real files need two or three times. Such a picture takes a decoder ten seconds.
 */
const MAX_WORK = 1e9;
const ZIGZAG_END = 63;

const SOF = 0xc0;
const DHT = 0xc4;
const DQT = 0xdb;
const DRI = 0xdd;
const APP0 = 0xe0;
const APP1 = 0xe1;
const APP14 = 0xee;

const SAVE_AGAIN = 'Save it again as baseline JPEG or PNG';
/** Frames of other kinds (T.81, table B.1; T.87 for JPEG-LS). */
const OTHER_FRAMES: Readonly<Record<number, string>> = {
  195: 'a lossless JPEG',
  197: 'a hierarchical JPEG',
  198: 'a hierarchical JPEG',
  199: 'a hierarchical JPEG',
  201: 'a JPEG with arithmetic coding',
  202: 'a JPEG with arithmetic coding',
  203: 'a lossless JPEG with arithmetic coding',
  205: 'a hierarchical JPEG',
  206: 'a hierarchical JPEG',
  207: 'a hierarchical JPEG',
  222: 'a hierarchical JPEG',
  247: 'a JPEG-LS',
};

const ascii = (bytes: Uint8Array, from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));

/** The content of the segments that have been read so far. */
class State {
  frame: JpegFrame | undefined;
  jfif = false;
  adobe: number | undefined;
  orientation: Orientation | undefined;
  restart = 0;
  readonly #quantisation: (Uint16Array | undefined)[] = [];
  readonly #dc: (HuffmanSpec | undefined)[] = [];
  readonly #ac: (HuffmanSpec | undefined)[] = [];
  /** The quantisation table of each component, which is the one at its first scan. */
  readonly #latched: (Uint16Array | undefined)[] = [];
  /** For each component and coefficient the lowest bit that has been read, or −1. */
  #bits: Int8Array[] = [];

  add({ marker, data }: Segment): void {
    if (OTHER_FRAMES[marker]) throw new Error(`it is ${OTHER_FRAMES[marker]}, which is not read here. ${SAVE_AGAIN}`);
    if (marker >= SOF && marker <= SOF + 2) this.#frame(marker, data);
    else if (marker === DHT) this.#huffman(data);
    else if (marker === DQT) this.#quantise(data);
    else if (marker === DRI) {
      if (data.length !== 2) throw damaged('its restart interval does not have two bytes');
      this.restart = ((data[0] as number) << 8) | (data[1] as number);
    } else if (marker === APP0) this.jfif ||= ascii(data, 0, 5) === 'JFIF\0';
    else if (marker === APP1 && ascii(data, 0, 5) === 'Exif\0')
      this.orientation ??= exifOrientation(data.subarray(6)) ?? 1;
    else if (marker === APP14 && ascii(data, 0, 5) === 'Adobe' && data.length >= 12) this.adobe = data[11];
  }

  #frame(marker: number, data: Uint8Array): void {
    if (this.frame) throw damaged('it has two JPEG frames');
    const [precision, h1 = 0, h0 = 0, w1 = 0, w0 = 0, count = 0] = data;
    if (data.length < 6 || data.length !== 6 + 3 * count) throw damaged('its JPEG frame has a wrong length');
    if (precision !== 8) throw new Error(`it is a JPEG of ${precision} bits a channel. ${SAVE_AGAIN}`);
    const [width, height] = [(w1 << 8) | w0, (h1 << 8) | h0];
    if (width && !height) throw new Error(`it is a JPEG that gives its height after the picture (DNL). ${SAVE_AGAIN}`);
    const problem = sizeProblem(width, height);
    if (problem) throw new Error(problem);
    if (![1, 3, 4].includes(count)) throw new Error(`it is a JPEG of ${count} channels; 1, 3 and 4 are read`);
    const components = Array.from({ length: count }, (_, i): JpegComponent => {
      const [id = 0, sampling = 0, table = 0] = data.subarray(6 + 3 * i);
      return { id, h: sampling >> 4, v: sampling & 15, table };
    });
    for (const { id, h, v, table } of components) {
      if (h < 1 || h > 4 || v < 1 || v > 4 || table > 3) throw damaged(`channel ${id} of its JPEG frame is impossible`);
      if (components.filter((c) => c.id === id).length > 1) throw damaged(`its JPEG frame has channel ${id} twice`);
    }
    this.frame = { progressive: marker === SOF + 2, width, height, components };
    this.#bits = components.map(() => new Int8Array(ZIGZAG_END + 1).fill(-1));
  }

  #huffman(data: Uint8Array): void {
    for (let at = 0; at < data.length; ) {
      const [spec = 0] = data.subarray(at);
      const counts = data.subarray(at + 1, at + 17);
      const total = counts.reduce((a, b) => a + b, 0);
      const values = data.subarray(at + 17, at + 17 + total);
      if (counts.length < 16 || values.length < total || total > 256 || spec >> 4 > 1 || (spec & 15) > 3)
        throw damaged('a Huffman table is impossible');
      (spec >> 4 ? this.#ac : this.#dc)[spec & 15] = { counts, values };
      at += 17 + total;
    }
  }

  #quantise(data: Uint8Array): void {
    for (let at = 0; at < data.length; ) {
      const [spec = 0] = data.subarray(at);
      const wide = spec >> 4;
      const length = 64 << wide;
      if (wide > 1 || (spec & 15) > 3 || at + 1 + length > data.length)
        throw damaged('a quantisation table is impossible');
      const bytes = data.subarray(at + 1, at + 1 + length);
      this.#quantisation[spec & 15] = Uint16Array.from({ length: 64 }, (_, i) =>
        wide ? ((bytes[2 * i] as number) << 8) | (bytes[2 * i + 1] as number) : (bytes[i] as number),
      );
      at += 1 + length;
    }
  }

  scan(head: Uint8Array, data: Uint8Array): JpegScan {
    const { frame } = this;
    if (!frame) throw new Error('it is a JPEG without a frame');
    const [count = 0] = head;
    if (count < 1 || count > 4 || head.length !== 4 + 2 * count) throw damaged('a scan’s header has a wrong length');
    const [from = 0, to = 0, approximation = 0] = head.subarray(1 + 2 * count);
    const components = Array.from({ length: count }, (_, i): JpegScanComponent => {
      const [id, tables = 0] = head.subarray(1 + 2 * i);
      const index = frame.components.findIndex((c) => c.id === id);
      const component = frame.components[index];
      if (!component) throw damaged(`a scan has a channel ${id} that its frame does not have`);
      this.#latched[index] ??= this.#quantisation[component.table];
      const quantisation = this.#latched[index];
      if (!quantisation) throw damaged(`quantisation table ${component.table} is missing`);
      return { index, dc: this.#dc[tables >> 4], ac: this.#ac[tables & 15], quantisation };
    });
    if (new Set(components.map((c) => c.index)).size < count) throw damaged('a scan has a channel twice');
    const scan = frame.progressive
      ? { components, from, to, high: approximation >> 4, low: approximation & 15, restart: this.restart, data }
      : { components, from: 0, to: ZIGZAG_END, high: 0, low: 0, restart: this.restart, data };
    this.#progress(scan, frame);
    return scan;
  }

  /** Checks that every bit of every coefficient comes once and in order, which bounds the work however many scans there are. */
  #progress({ components, from, to, high, low }: JpegScan, { progressive }: JpegFrame): void {
    const possible = from === 0 ? to === 0 || !progressive : from <= to && components.length === 1;
    if (!possible || to > ZIGZAG_END || low > 13) throw damaged('a scan’s coefficients are impossible');
    for (const { index } of components) {
      const bits = this.#bits[index] as Int8Array;
      if (from && (bits[0] as number) < 0) throw damaged('a scan of details comes before that of the means');
      for (let k = from; k <= to; k++) {
        const before = bits[k] as number;
        const fits = before < 0 ? high === 0 : high === before && low === before - 1;
        if (!fits) throw damaged('a scan repeats another, or one is missing');
        bits[k] = low;
      }
    }
  }

  header(): JpegHeader {
    if (!this.frame) throw new Error('it is a JPEG without a frame');
    return { ...this.frame, jfif: this.jfif, adobe: this.adobe, orientation: this.orientation ?? 1 };
  }

  /** Whether each component has had a scan. Its details may be incomplete, as encoders may omit some. */
  get complete(): boolean {
    return this.#bits.every((b) => (b[0] as number) >= 0);
  }
}

/** The content before the first scan. Throws `CutShort` if the bytes end before that. */
export function readJpegHeader(bytes: Uint8Array): JpegHeader {
  const state = new State();
  for (const segment of segments(bytes)) {
    if (segment.marker === SOS) break;
    state.add(segment);
  }
  return state.header();
}

/**
 * A whole file whose structure is checked, but not its compressed data. What follows the end marker is not part of the picture.
 * Throws an `Error` that says what is wrong.
 */
export function readJpegFile(bytes: Uint8Array): JpegFile {
  const state = new State();
  const scans: JpegScan[] = [];
  let header: JpegHeader | undefined;
  let work = 0;
  for (const segment of segments(bytes)) {
    if (segment.marker !== SOS) {
      state.add(segment);
      continue;
    }
    header ??= state.header();
    if (scans.length === MAX_SCANS) throw new Error(`it is a JPEG of over ${MAX_SCANS} scans. ${SAVE_AGAIN}`);
    const scan = state.scan(segment.data, bytes.subarray(segment.end, endOfScan(bytes, segment.end)));
    const blocks = blocksIn(scan, header);
    checkLength(scan, blocks, header);
    work += blocks * (scan.to - scan.from + 1);
    if (work > MAX_WORK)
      throw new Error(
        `it is a JPEG whose scans pass over its ${header.height}×${header.width} pixels too often. ${SAVE_AGAIN}`,
      );
    scans.push(scan);
  }
  if (!header || !state.complete) throw new CutShort('it is cut short: JPEG image data are missing');
  return { ...header, scans };
}

/** The blocks that a scan passes over. */
function blocksIn({ components }: JpegScan, frame: JpegFrame): number {
  let blocks = 0;
  for (const { index } of components) {
    const { across, down } = blocksOf(frame, index);
    blocks += across * down;
  }
  return blocks;
}

/** Checks the length of the first scan of a component. Every code has at least one bit, so its blocks need a minimum of bytes. */
function checkLength({ from, high, data }: JpegScan, blocks: number, { progressive, ...frame }: JpegHeader): void {
  if (from || high) return;
  if (8 * data.length < blocks * (progressive ? 1 : 2))
    throw new CutShort(`it is cut short: ${data.length} bytes cannot hold an image of ${frame.height}×${frame.width}`);
}

/** The size of a component in samples and in blocks of 8×8. */
export function blocksOf(
  { width, height, components }: Pick<JpegFrame, 'width' | 'height' | 'components'>,
  index: number,
) {
  const { h, v } = components[index] as JpegComponent;
  const samplesAcross = Math.ceil((width * h) / Math.max(...components.map((c) => c.h)));
  const samplesDown = Math.ceil((height * v) / Math.max(...components.map((c) => c.v)));
  return { samplesAcross, samplesDown, across: Math.ceil(samplesAcross / 8), down: Math.ceil(samplesDown / 8) };
}
