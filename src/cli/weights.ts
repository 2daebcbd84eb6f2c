import { UsageError } from '../gpu/errors.js';
import { REFERENCE_ACTIVATION } from '../model/features.js';
import { CONVENTIONS } from '../model/vgg19-style.js';
import { statOf } from '../node/files.js';
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

function describe(vgg: InstalledVgg): string[] {
  const kilobytes = Math.round((statOf(vgg.path)?.size ?? 0) / 1000);
  const size = `features (conv1_2) of mean ${vgg.activation.toPrecision(3)} on the reference picture`;
  const gain =
    vgg.gain === 1
      ? ''
      : `; λ = 0.01 is meant for about ${REFERENCE_ACTIVATION}, so training multiplies them by ${vgg.gain.toPrecision(3)}` +
        (vgg.gain > UNTRAINED ? '. Such small features suggest untrained weights' : '');
  return [
    `  conv1_1, conv1_2, conv2_1 from ${vgg.source}`,
    `  ${STYLES[vgg.convention]} (decided by ${vgg.decidedBy}; --style overrides it)`,
    `  ${size}${gain}`,
    `  ${vgg.path} (${kilobytes} KB)`,
  ];
}

function list(folder: string | undefined, json: boolean): number {
  const vgg = findVgg(folder);
  if (json) sayJson({ folder: weightsFolder(folder) ?? null, vgg19: vgg ? summary(vgg) : null });
  else if (vgg) say('vgg19 is installed:', ...describe(vgg));
  else
    say(
      `vgg19 is not installed in ${weightsFolder(folder) ?? 'any folder (there is no home folder)'}; training uses the built-in filter bank.`,
      'pose-gan weights vgg19 FILE installs it. See pose-gan weights --help.',
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
  if (what !== 'vgg19') throw new UsageError(`there are no weights "${what}" to install; vgg19 is known. See --help.`);
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
  summary: 'installs VGG-19’s first layers for the losses, or shows what is installed',
  usage: '[vgg19 FILE | vgg19 --url URL] [--style STYLE]',
  options: { url: { type: 'string' }, style: { type: 'string' }, folder: { type: 'string' } },
  help: {
    url: 'a safetensors file on a server, of which only the needed bytes are read',
    style: 'the inputs that the weights take, if the file does not show it: caffe (BGR, 0 … 255) or torchvision',
    folder: 'the folder of installed weights (default: the variable POSE_GAN_WEIGHTS, else the user’s data folder)',
  },
  examples: [
    'pose-gan weights',
    'pose-gan weights vgg19 vgg19-dcbb9e9d.pth        # PyTorch, torchvision’s names',
    'pose-gan weights vgg19 vgg19.safetensors         # torchvision’s or Caffe’s names',
    'pose-gan weights vgg19 vgg19-d01eb7cb.pth --style caffe',
    'pose-gan weights vgg19 --url https://huggingface.co/timm/vgg19.tv_in1k/resolve/main/model.safetensors',
  ],
  run,
};
