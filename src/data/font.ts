import type { Colour, Image } from './image.js';

/** The size of a character cell, with one pixel of space to the right and one below. */
export const CELL = { width: 6, height: 8 } as const;

/**
 * Characters of 5×7 pixels. Each row is one digit in base 32, whose highest bit is the leftmost pixel. Small letters are drawn as
 * capitals, which are easier to read at this size.
 */
const GLYPHS: Readonly<Record<string, string>> = {
  ' ': '0000000',
  A: 'ehhvhhh',
  B: 'uhhuhhu',
  C: 'ehggghe',
  D: 'uhhhhhu',
  E: 'vgguggv',
  F: 'vgguggg',
  G: 'ehgnhhf',
  H: 'hhhvhhh',
  I: 'e44444e',
  J: '72222ic',
  K: 'hikokih',
  L: 'ggggggv',
  M: 'hrllhhh',
  N: 'hhpljhh',
  O: 'ehhhhhe',
  P: 'uhhuggg',
  Q: 'ehhhlid',
  R: 'uhhukih',
  S: 'fgge11u',
  T: 'v444444',
  U: 'hhhhhhe',
  V: 'hhhhha4',
  W: 'hhhllla',
  X: 'hha4ahh',
  Y: 'hhha444',
  Z: 'v1248gv',
  '0': 'ehjlphe',
  '1': '4c4444e',
  '2': 'eh1248v',
  '3': 'v2421he',
  '4': '26aiv22',
  '5': 'vgu11he',
  '6': '68guhhe',
  '7': 'v124888',
  '8': 'ehhehhe',
  '9': 'ehhf12c',
  '.': '00000cc',
  ',': '0000c48',
  ':': '0cc0cc0',
  '-': '000v000',
  '+': '044v440',
  '=': '00v0v00',
  '/': '01248g0',
  '(': '2488842',
  ')': '8422248',
  '[': 'e88888e',
  ']': 'e22222e',
  '<': '248g842',
  '>': '8421248',
  _: '000000v',
  '%': 'op248j3',
  '#': 'aavavaa',
  '|': '4444444',
  '?': 'eh12404',
  '!': '4444004',
  "'": '4480000',
  '*': '04lel40',
  '→': '042v240',
  '×': '00ha4ah',
};
/** The glyph of all other characters. */
const BOX = 'vhhhhhv';

/** The width of a text in pixels. */
export const textWidth = (text: string, scale = 1) => [...text].length * CELL.width * scale;

/** Draws a text into the image with its left top corner at (x, y). What does not fit is cut off. */
export function drawText(image: Image, text: string, x: number, y: number, colour: Colour, scale = 1): void {
  for (const [k, character] of [...text.toUpperCase()].entries()) {
    const rows = [...(GLYPHS[character] ?? BOX)].map((digit) => Number.parseInt(digit, 32));
    for (let r = 0; r < 7 * scale; r++)
      for (let c = 0; c < 5 * scale; c++) {
        if (!(((rows[Math.floor(r / scale)] as number) >> (4 - Math.floor(c / scale))) & 1)) continue;
        const [px, py] = [x + k * CELL.width * scale + c, y + r];
        if (px >= 0 && py >= 0 && px < image.width && py < image.height)
          image.data.set(colour, 3 * (py * image.width + px));
      }
  }
}
