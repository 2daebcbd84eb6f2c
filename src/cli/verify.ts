import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { UsageError } from '../gpu/errors.js';
import { readBytes, statOf } from '../node/files.js';
import { trying } from '../node/system-errors.js';
import { open } from '../node.js';
import { TOLERANCE, type Verdict, verifyFile } from '../verify/verify.js';
import type { Command } from './command.js';
import { progress } from './progress.js';
import { say, sayJson } from './terminal.js';

/** The reference files under a folder, in order. */
function filesIn(folder: string): string[] {
  const entries = trying(`read the folder ${folder}`, () => readdirSync(folder, { withFileTypes: true }));
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((e) => {
      const path = join(folder, e.name);
      if (e.isDirectory()) return filesIn(path);
      return /\.(safetensors|json)$/.test(e.name) ? [path] : [];
    });
}

function line(name: string, verdict: Verdict): string {
  if (verdict.status === 'unsupported') return `${name}  unsupported: ${verdict.reason}`;
  if ('reason' in verdict) return `${name}  FAIL  ${verdict.reason}`;
  return `${name}  ${verdict.error.toExponential(1)}  ${verdict.status === 'passed' ? 'pass' : 'FAIL'}  (${verdict.worst})`;
}

export const verify: Command = {
  name: 'verify',
  summary: 'runs reference files (PyTorch, ONNX) on this adapter and compares every result and gradient',
  usage: 'FOLDER',
  options: {},
  help: {},
  examples: ['pose-gan verify test/fixtures', 'pose-gan verify --adapter swiftshader --json my-fixtures'],
  async run({ adapter, json }, [folder, ...rest]) {
    if (!folder || rest.length)
      throw new UsageError('name one folder of .safetensors files. See pose-gan verify --help.');
    if (!statOf(folder)?.isDirectory()) throw new UsageError(`${folder} is not a folder`);
    const files = filesIn(folder);
    if (!files.length) throw new UsageError(`${folder} holds no .safetensors or .json file`);
    const engine = await open({ adapter: adapter as string | undefined });
    if (!json) say(`adapter: ${engine.adapterName}`, `largest |difference| / largest |value|, at most ${TOLERANCE}:`);
    const verdicts: { file: string; verdict: Verdict }[] = [];
    const bar = progress('verifying', files.length, { unit: 'files' });
    for (const path of files) {
      const file = relative(folder, path);
      const verdict = await verifyFile(engine, file, readBytes(path));
      verdicts.push({ file, verdict });
      bar.end();
      if (!json) say(line(file, verdict));
      bar.update(verdicts.length, file);
    }
    bar.end();
    const count = (status: Verdict['status']) => verdicts.filter((v) => v.verdict.status === status).length;
    const [passed, failed, unsupported] = [count('passed'), count('failed'), count('unsupported')];
    if (json) {
      const list = verdicts.map(({ file, verdict }) => ({ file, ...verdict }));
      sayJson({ adapter: engine.adapterName, tolerance: TOLERANCE, files: list, passed, failed, unsupported });
    } else {
      if (unsupported) say(`${unsupported} unsupported`);
      say(`${passed} passed, ${failed} failed`);
    }
    engine.device.destroy();
    return failed ? 1 : 0;
  },
};
