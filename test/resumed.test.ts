import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runOptions } from '../src/cli/resumed.js';
import { fingerprint } from '../src/model/checkpoint.js';
import { modelConfig } from '../src/model/config.js';
import { stateName } from '../src/model/run-files.js';
import { PERSON } from '../src/pose/skeleton.js';
import { untrained, untrainedState } from './made-checkpoint.js';

const folder = mkdtempSync(join(tmpdir(), 'pose-gan-resumed-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('a run whose recipe has no ablation is of the full model, although the default of a new run is another', () => {
  const config = modelConfig({ size: 'small', width: 1 / 16 });
  const checkpoint = untrained(config, PERSON);
  writeFileSync(join(folder, 'checkpoint-00000007.safetensors'), checkpoint);
  writeFileSync(join(folder, stateName(7, fingerprint(checkpoint))), untrainedState(config, checkpoint));
  expect(runOptions(folder).values).toMatchObject({ ablation: 'full', seed: '3', batch: '2' });
});
