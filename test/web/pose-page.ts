import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import type { Image } from '../../src/data/image.js';
import { encodePng } from '../../src/node/images.js';

/** The time limit allows for SwiftShader on a busy machine. */
export const SLOW = 120_000;

/** A file to drop on the page or to choose. */
export interface TestFile {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

export const pngFile = (name: string, image: Image): TestFile => ({
  ...{ name, mimeType: 'image/png', buffer: Buffer.from(encodePng(image)) },
});
export const textFile = (name: string, text: string): TestFile => ({
  ...{ name, mimeType: 'text/plain', buffer: Buffer.from(text) },
});

/** These functions read the Pose page and use it as a user does. */
export class PosePage {
  constructor(readonly page: Page) {}

  /** Returns the RGB values of a canvas. It reads a copy, because Chromium warns of canvases that are read often. */
  pixels(selector: string): Promise<number[]> {
    return this.page.locator(selector).evaluate((canvas) => {
      const { width, height } = canvas as HTMLCanvasElement;
      const copy = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
      copy?.drawImage(canvas as HTMLCanvasElement, 0, 0);
      return [...(copy?.getImageData(0, 0, width, height).data ?? [])].filter((_, i) => i % 4 !== 3);
    });
  }

  /** Returns the current picture. */
  generated(): Promise<number[]> {
    return this.pixels('#generated');
  }

  /** Finds a joint of the target pose. */
  joint(name: string): Locator {
    return this.page.locator(`.stage-target .joint[aria-label^="${name}"]`);
  }

  /** Waits until no picture is being generated. */
  async settled(): Promise<void> {
    await this.page.locator('.stage-generated [aria-busy="false"]').waitFor();
  }

  /** Returns the picture once no other is being generated. */
  async still(): Promise<number[]> {
    await this.settled();
    return this.generated();
  }

  /**
   * Waits until the picture differs from the given one, and returns the new one. Unless a sequence plays, it waits for
   * the final picture.
   */
  async changedFrom(before: readonly number[], { playing = false } = {}): Promise<number[]> {
    let now: number[] = [];
    const different = async () => {
      now = playing ? await this.generated() : await this.still();
      return now.some((v, i) => v !== before[i]);
    };
    await expect.poll(different, { timeout: SLOW, interval: 200 }).toBe(true);
    return now;
  }

  /** Returns x and y from the label of a joint. */
  async place(name: string): Promise<[number, number]> {
    const [, x, y] = /x (\d+), y (\d+)/.exec((await this.joint(name).getAttribute('aria-label')) ?? '') ?? [];
    return [Number(x), Number(y)];
  }

  /** Drops files on the page as a user would. */
  async drop(...files: TestFile[]): Promise<void> {
    const transfer = await this.page.evaluateHandle(
      (given) => {
        const data = new DataTransfer();
        for (const { name, mimeType, base64 } of given)
          data.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name, { type: mimeType }));
        return data;
      },
      files.map(({ name, mimeType, buffer }) => ({ name, mimeType, base64: buffer.toString('base64') })),
    );
    for (const type of ['dragenter', 'dragover', 'drop'])
      await this.page.dispatchEvent('.bench', type, { dataTransfer: transfer });
  }

  /** Drops files that the page refuses, and returns its message. */
  async refusal(...files: TestFile[]): Promise<string> {
    await this.drop(...files);
    const text = (await this.page.locator('#messages .error p').textContent()) ?? '';
    await this.page.getByRole('button', { name: 'Dismiss this message' }).click();
    return text;
  }

  /** Returns the controls without an accessible name. */
  nameless(): Promise<string[]> {
    return this.page.locator('button, a[href], input, select, textarea, [tabindex="0"]').evaluateAll((all) =>
      all
        .filter((e) => {
          const labels = [...((e as HTMLInputElement).labels ?? [])].map((l) => l.textContent ?? '').join('');
          return !(e.getAttribute('aria-label') ?? '') && !labels.trim() && !e.textContent?.trim();
        })
        .map((e) => e.outerHTML.slice(0, 80)),
    );
  }
}
