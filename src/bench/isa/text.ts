import { table } from '../../compiler/plan-text.js';
import { type CompiledKernel, type IsaTarget, kernelName } from './document.js';

const HEAD = [
  ...['kernel', 'VGPR', 'SGPR', 'spilled', 'LDS', 'waves'],
  ...['mul-adds', 'other vector', 'share', 'LDS ops', 'loads', 'mul-adds per load', 'case'],
];

function row(k: CompiledKernel): string[] {
  const { loop } = k;
  const name = `${kernelName(k)}${k.chosen ? ' *' : ''}${loop && !loop.isLoop ? ' (no loop)' : ''}`;
  const counts = loop
    ? [
        ...[loop.multiplyAdds, loop.otherVector],
        ...[loop.share === null ? '–' : `${Math.round(100 * loop.share)} %`, loop.sharedAccesses, loop.loads],
        loop.multiplyAddsPerLoad === null || !loop.multiplyAdds ? '–' : Math.round(loop.multiplyAddsPerLoad),
      ]
    : Array.from({ length: 6 }, () => '–');
  const spilled = k.spilledVgprs + k.spilledSgprs;
  const more = k.cases.length - 1;
  const where = `${k.cases[0] ?? ''}${more > 0 ? ` and ${more} more` : ''}`;
  return [name, k.vgprs, k.sgprs, spilled, k.sharedBytes, k.waves, ...counts, where].map(String);
}

/** The kernels of one GPU as a table, the author's first, then by op in the order of their multiply-adds. */
export function isaText({ isa, driver, architecture, kernels }: IsaTarget): string {
  const compiled = kernels.flatMap((k) => ('failed' in k ? [] : [k]));
  const lines = [`${isa}${architecture && ` (${architecture})`}, compiled by ${driver}`];
  const ops = [...new Set(compiled.map((k) => k.op))];
  const mads = (k: CompiledKernel) => k.loop?.multiplyAdds ?? 0;
  const order = (a: CompiledKernel, b: CompiledKernel) =>
    ops.indexOf(a.op) - ops.indexOf(b.op) || Number(b.yours) - Number(a.yours) || mads(b) - mads(a);
  if (compiled.length) lines.push('', table([HEAD, ...[...compiled].sort(order).map(row)]));
  for (const k of kernels) if ('failed' in k) lines.push(`${kernelName(k)} does not compile: ${k.failed}`);
  const blind = compiled.filter((k) => k.loop === null).length;
  if (blind)
    lines.push(
      `This Mesa cannot disassemble code of ${isa}, so the columns of the hot loop are empty (${blind} kernels).`,
    );
  return lines.join('\n');
}

/** What the columns mean, and what the command does not say. */
export const ISA_NOTES =
  'The columns from mul-adds on count the instructions of the hot loop. * marks variants that the engine chooses in a case.\n' +
  'Nothing ran: no kernel was checked or timed. docs/bench.md explains the columns.';
