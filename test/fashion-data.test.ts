import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAnnotations } from '../src/data/annotations.js';
import { identityOf, inShopName, splitOverlap } from '../src/data/identity.js';
import { hstack } from '../src/data/image.js';
import { parsePairs } from '../src/data/pairs.js';
import type { EvaluationDocument } from '../src/evaluation/document.js';
import { readTable } from '../src/node/files.js';
import { encodePng, readImage } from '../src/node/images.js';
import { PERSON } from '../src/pose/skeleton.js';
import { run } from './untrained.js';

const { POSE_GAN_DATA } = process.env;
const at = (...parts: string[]) => join(POSE_GAN_DATA as string, 'fashion', ...parts);
const table = (split: string) => {
  const file = at(`fashion-annotation-${split}.csv`);
  return [...parseAnnotations(readTable(file, 'table'), file, PERSON).keys()];
};
const pairs = (split: string) => {
  const file = at(`fashion-pairs-${split}.csv`);
  return parsePairs(readTable(file, 'table'), file).pairs;
};

describe('DeepFashion’s images, which a checkout does not have', () => {
  test.runIf(POSE_GAN_DATA)(
    'where POSE_GAN_DATA names the folder with fashion/: the halves share no clothes, and every pair is of one person in the same clothes',
    () => {
      const [train, tested] = [table('train'), table('test')];
      expect([train.length, tested.length]).toEqual([48, 13]);
      expect([...train, ...tested].every((name) => inShopName(name))).toBe(true);
      expect(splitOverlap(train, tested)).toEqual({ identities: 6, shared: 0, people: { count: 6, shared: 0 } });
      for (const [from, to] of [...pairs('train'), ...pairs('test')]) expect(identityOf(from)).toBe(identityOf(to));
    },
  );

  test.runIf(POSE_GAN_DATA)(
    'where POSE_GAN_DATA names the folder with fashion/: triptychs of real images are evaluated by both protocols',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'fashion-'));
      try {
        const image = (name: string) => readImage(at('fashion-dataset', 'test', name));
        for (const [from, to] of pairs('test').slice(0, 3))
          writeFileSync(join(folder, `${from}_${to}.png`), encodePng(hstack([image(from), image(to), image(from)])));
        const args = ['--triptychs', folder, '--poses', at('fashion-annotation-test.csv'), '--json'];
        const evaluated = async (protocol: string): Promise<EvaluationDocument> => {
          const { code, stdout } = await run('evaluate', ...args, '--protocol', protocol);
          expect(code).toBe(0);
          return JSON.parse(stdout);
        };
        const [whole, middle] = [await evaluated('256x256'), await evaluated('256x176')];
        expect([whole.size, middle.size]).toEqual([
          [256, 256],
          [256, 176],
        ]);
        for (const { pairs: count, identities, scores } of [whole, middle]) {
          expect([count, identities]).toEqual([3, 3]);
          for (const { generated, copy } of scores) {
            expect(generated).toEqual(copy);
            expect(generated.maskSsim).toBeGreaterThan(generated.ssim as number);
          }
        }
        // The margins are white in both images, and agree.
        for (const [i, { generated }] of whole.scores.entries())
          expect(generated.ssim).toBeGreaterThan(middle.scores[i]?.generated.ssim as number);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );
});
