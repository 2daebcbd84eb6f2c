import { NETWORKS } from '../evaluation/network-metrics.js';
import { howToInstall } from '../evaluation/public-network.js';
import { UsageError } from '../gpu/errors.js';
import { REFERENCE_ACTIVATION } from '../model/features.js';
import { CONVENTIONS } from '../model/vgg19-style.js';
import { statOf } from '../node/files.js';
import { findNetwork, installNetwork } from '../node/public-weights.js';
import { findVgg, type InstalledVgg, installRemoteVgg, installVgg, weightsFolder } from '../node/weights.js';
import type { Command, Values } from './command.js';
import { progress } from './progress.js';
import { say, sayJson } from './terminal.js';
import { noMore, text } from './values.js';

const STYLES = {
  caffe: 'Caffe-style (BGR, 0 … 255 minus the mean)',
  torchvision: 'torchvision-style; its input normalisation is folded into conv1_1',
};

/** A gain above this suggests untrained weights. Trained weights have features of 0.2 or more, random ones of 0.1 or less. */
const UNTRAINED = REFERENCE_ACTIVATION / 0.15;

/** The description of installed weights that `--json` prints. */
function summary({ path, source, convention, decidedBy, activation, gain }: InstalledVgg) {
  return { path, bytes: statOf(path)?.size, source, convention, decidedBy, activation, gain };
}

const size = (bytes: number) =>
  bytes < 1e6 ? `${Math.round(bytes / 1000).toLocaleString('en')} KB` : `${(bytes / 1e6).toFixed(1)} MB`;

function describe(vgg: InstalledVgg): string[] {
  const features = `features (conv1_2) of mean ${vgg.activation.toPrecision(3)} on the reference picture`;
  const gain =
    vgg.gain === 1
      ? ''
      : `; λ = 0.01 is meant for about ${REFERENCE_ACTIVATION}, so training multiplies them by ${vgg.gain.toPrecision(3)}` +
        (vgg.gain > UNTRAINED ? '. Such small features suggest untrained weights' : '');
  return [
    `  conv1_1, conv1_2, conv2_1 from ${vgg.source}`,
    `  ${STYLES[vgg.convention]} (decided by ${vgg.decidedBy}; --style overrides it)`,
    `  ${features}${gain}`,
    `  ${vgg.path} (${size(statOf(vgg.path)?.size ?? 0)})`,
  ];
}

function list(folder: string | undefined, json: boolean): number {
  const vgg = findVgg(folder);
  const networks = NETWORKS.map((network) => ({ network, found: findNetwork(network, folder) }));
  const where = weightsFolder(folder);
  if (json) {
    const others = networks.map(({ network: { key, title, files }, found }) => {
      const installed = found ? { path: found.path, source: found.source, bytes: found.bytes } : null;
      return [key, { title, installed, files }];
    });
    sayJson({ folder: where ?? null, vgg19: vgg ? summary(vgg) : null, networks: Object.fromEntries(others) });
    return 0;
  }
  const training = vgg
    ? ['vgg19 is installed:', ...describe(vgg)]
    : [
        'vgg19 is not installed; training uses the built-in filter bank.',
        'pose-gan weights vgg19 FILE installs it. See pose-gan weights --help.',
      ];
  const evaluation = networks.map(({ network, found }) =>
    found
      ? `${network.key} is installed: ${network.title} from ${found.source}, ${found.path} (${size(found.bytes)})`
      : `${network.key}: ${howToInstall(network)}`,
  );
  say(
    `folder: ${where ?? 'none (there is no home folder)'}`,
    ...['', 'For training:', ...training],
    ...(evaluation.length ? ['', 'For pose-gan evaluate:', ...evaluation] : []),
  );
  return 0;
}

async function run(values: Values, positionals: string[]): Promise<number> {
  const [what, file, ...rest] = positionals;
  const folder = text(values, 'folder');
  const url = text(values, 'url');
  const json = values.json === true;
  noMore(rest);
  const style = CONVENTIONS.find((c) => c === values.style);
  if (values.style !== undefined && !style)
    throw new UsageError(`there is no style "${values.style}"; known are ${CONVENTIONS.join(' and ')}`);
  if (what === undefined) {
    if (url !== undefined) throw new UsageError('--url needs the word vgg19: pose-gan weights vgg19 --url URL');
    return list(folder, json);
  }
  const network = NETWORKS.find(({ key }) => key === what);
  if (network) {
    const odd = ['url', 'style'].find((name) => values[name] !== undefined);
    if (odd) throw new UsageError(`--${odd} is for vgg19 alone: pose-gan weights ${what} FILE`);
    if (file === undefined)
      throw new UsageError(`name a file: pose-gan weights ${what} FILE. ${howToInstall(network)}`);
    const { path, source, bytes } = installNetwork(network, file, folder);
    if (json) sayJson({ path, source, bytes });
    else say(`${what} installed: ${network.title} from ${source}, ${path} (${size(bytes)})`);
    return 0;
  }
  if (what !== 'vgg19') {
    const known = ['vgg19', ...NETWORKS.map(({ key }) => key)];
    throw new UsageError(`there are no weights "${what}" to install; known are ${known.join(', ')}. See --help.`);
  }
  if ((file === undefined) === (url === undefined))
    throw new UsageError('name either a file or --url: pose-gan weights vgg19 FILE. See pose-gan weights --help.');
  if (url !== undefined) {
    const bar = progress('reading the weights');
    const vgg = await installRemoteVgg(url, folder, style).finally(() => bar.end());
    const { transferred, total } = vgg;
    if (json) sayJson({ ...summary(vgg), transferred, total: total ?? null });
    else {
      const kilobytes = (n: number) => `${Math.round(n / 1000).toLocaleString('en')} KB`;
      const of = total === undefined ? '' : ` of the file’s ${kilobytes(total)}`;
      say(`vgg19 installed, ${kilobytes(transferred)}${of} transferred:`, ...describe(vgg));
    }
    return 0;
  }
  const vgg = installVgg(file as string, folder, style);
  if (json) sayJson(summary(vgg));
  else say('vgg19 installed:', ...describe(vgg));
  return 0;
}

export const weights: Command = {
  name: 'weights',
  summary:
    'installs weights of public networks, for the losses and for evaluation, or shows what is installed and what is missing',
  usage: '[NAME FILE | vgg19 --url URL] [--style STYLE]',
  options: { url: { type: 'string' }, style: { type: 'string' }, folder: { type: 'string' } },
  help: {
    url: 'for vgg19: a safetensors file on a server, of which only the needed bytes are read',
    style:
      'for vgg19: the inputs that the weights take, if the file does not show it: caffe (BGR, 0 … 255) or torchvision',
    folder: 'the folder of installed weights (default: the variable POSE_GAN_WEIGHTS, else the user’s data folder)',
  },
  examples: [
    'pose-gan weights                                 # what is installed, and which file each missing network needs',
    'pose-gan weights vgg19 vgg19-dcbb9e9d.pth        # PyTorch, torchvision’s names',
    'pose-gan weights vgg19 vgg19.safetensors         # torchvision’s or Caffe’s names',
    'pose-gan weights vgg19 vgg19-d01eb7cb.pth --style caffe',
    'pose-gan weights vgg19 --url https://huggingface.co/timm/vgg19.tv_in1k/resolve/main/model.safetensors',
  ],
  run,
};
