import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { main } from '../src/cli/main.js';
import { shareDevice } from './gpu.js';

shareDevice();

const out = mkdtempSync(join(tmpdir(), 'start-'));
afterAll(() => rmSync(out, { recursive: true }));

async function start(...args: string[]) {
  let text = '';
  vi.spyOn(console, 'log').mockImplementation((line) => {
    text += `${line}\n`;
  });
  const code = await main(['start', '--out', out, '--minutes', '0.01', '--identities', '2', ...args]);
  vi.restoreAllMocks();
  return { code, text };
}

test('start draws people, trains, evaluates on other people and writes a report, and a second start continues', async () => {
  const first = await start();
  expect(first.code).toBe(0);
  expect(first.text).toMatch(/pairs of unseen people.*L1 [\d.]+ compared with [\d.]+ of 255, SSIM -?[\d.]+ compared/);
  const report = readFileSync(join(out, 'report.html'), 'utf8');
  expect(report).toMatch(/<h2>On unseen people<\/h2>.*<h2>Timings<\/h2>/s);
  expect(report.match(/<svg/g)?.length).toBe(3);
  expect(report).toMatch(/src="data:image\/png;base64,iVBOR/);
  expect(report.replace(/base64,[^"]*/g, '')).not.toMatch(/undefined|NaN/);

  const second = JSON.parse((await start('--json')).text);
  const rows = readFileSync(join(out, 'run', 'log.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((l) => JSON.parse(l).step);
  expect(rows).toEqual(rows.map((_, i) => i + 1));
  expect(second.iterations).toBe(rows.length);
  expect(rows.length).toBeGreaterThan(1);
});
