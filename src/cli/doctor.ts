import { UsageError } from '../gpu/errors.js';
import { embeddedFiles, embeddedProblem, systemLoader } from '../node/embedded.js';
import { tuningProblem } from '../node/tuning-files.js';
import { type AdapterDescription, adapters, loadTuning } from '../node.js';
import type { Command, Values } from './command.js';
import { say, sayJson } from './terminal.js';

type Found = Awaited<ReturnType<typeof adapters>>[number];

const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupsPerDimension',
];
const FEATURES: Readonly<Record<string, string>> = {
  'timestamp-query': 'timing of every kernel',
  'shader-f16': 'half-precision kernel variants',
  subgroups: 'subgroup kernel variants',
};

const MESA =
  'apt-get install mesa-vulkan-drivers libvulkan1, which must be Mesa 23 or later; on Debian 12 add bookworm-backports to the ' +
  'apt sources, apt-get update, and apt-get install -t bookworm-backports mesa-vulkan-drivers libvulkan1';

const KINDS = {
  gpu: 'GPU',
  software: 'software, from the system',
  embedded: 'software, embedded (SwiftShader from npm)',
};

/** What is missing on this machine, and how to get it. */
function advice(found: readonly AdapterDescription[]): string[] {
  const missing: string[] = [];
  const has = (kind: AdapterDescription['kind']) => found.some((f) => f.kind === kind);
  if (!has('gpu'))
    missing.push(
      'no GPU: install its Vulkan driver (Debian: apt-get install nvidia-driver, or mesa-vulkan-drivers for AMD and Intel). Everything also runs without a GPU, but slower.',
    );
  if (process.platform === 'linux' && !has('gpu') && !has('software'))
    missing.push(
      `no software adapter of the system${systemLoader() ? '' : ' (and no Vulkan loader)'}: ${MESA}. It is several times faster than the embedded one.`,
    );
  if (!has('embedded'))
    missing.push(`no embedded adapter: ${embeddedProblem() ?? 'it is installed but Dawn does not list it'}`);
  const note = has('embedded') && embeddedFiles().note;
  if (note) missing.push(`no folder to keep the embedded adapter, so every start unpacks it again: ${note}`);
  return missing;
}

/** The measured choices of kernels that are stored for an adapter. */
function tuningOf({ identity }: Found): { path: string | null; choices: number; ignored: string | null } {
  try {
    const { path = null, tuning, ignored = null } = loadTuning(identity);
    return { path, choices: tuning?.size ?? 0, ignored };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { path: null, choices: 0, ignored: error.message };
  }
}

function describeTuning(found: Found): string {
  const { path, choices, ignored } = tuningOf(found);
  if (ignored) return `ignored: ${ignored}`;
  if (!path) return `cannot be stored: ${tuningProblem()}`;
  return choices ? `${choices} choices in ${path}` : 'none stored; pose-gan tune measures it';
}

function describe(a: Found, used: boolean): string[] {
  const limits = LIMITS.map((n) => `    ${n.padEnd(34)} ${a.limits[n]}`);
  const features = Object.entries(FEATURES).map(
    ([f, what]) => `    ${f.padEnd(34)} ${a.features.includes(f) ? 'yes' : `no (without it: no ${what})`}`,
  );
  return [
    `${used ? '→' : ' '} ${a.name}  [${a.backend}, ${KINDS[a.kind]}]`,
    `    ${a.description}`,
    ...limits,
    ...features,
    `    ${'tuning of kernels'.padEnd(34)} ${describeTuning(a)}`,
  ];
}

function chosen(found: readonly Found[], wanted: string | undefined): Found | undefined {
  return wanted
    ? found.find((f) => `${f.name} ${f.description}`.toLowerCase().includes(wanted.toLowerCase()))
    : found[0];
}

async function run({ adapter, json }: Values): Promise<number> {
  const wanted = (adapter as string | undefined) || process.env.POSE_GAN_ADAPTER || undefined;
  const found = await adapters();
  const used = chosen(found, wanted);
  const missing = advice(found);
  const problem = used
    ? undefined
    : found.length
      ? `no adapter matches "${wanted}"; use part of a name above`
      : 'there is no adapter: follow one of the lines above';
  if (json) {
    sayJson({
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
      adapters: found.map((f) => ({ ...f, tuning: tuningOf(f) })),
      used: used?.name ?? null,
      missing,
      problem: problem ?? null,
    });
  } else {
    say(`Node ${process.version} on ${process.platform} ${process.arch}`, '');
    if (!found.length) say('There is no adapter.');
    for (const [i, f] of found.entries()) say(...(i ? [''] : []), ...describe(f, f === used));
    say('', ...(missing.length ? ['Missing:', ...missing.map((m) => `  ${m}`)] : ['Nothing is missing.']));
    say('', problem ?? `Will be used: ${used?.name}`);
  }
  return used ? 0 : 1;
}

export const doctor: Command = {
  name: 'doctor',
  summary: 'shows the adapters of this machine, which one will be used, and what is missing and how to fix it',
  usage: '',
  options: {},
  help: {},
  examples: ['pose-gan doctor', 'pose-gan doctor --adapter llvmpipe --json'],
  run,
};
