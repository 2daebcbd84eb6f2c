/** Where this code runs, and what to do there when there is no adapter. */
interface Place {
  readonly name: string;
  readonly advice: string;
}

const browser = (advice: string): Place => ({ name: 'this browser', advice });
const brings = 'Import open from webgpu-pose-gan/node, which brings WebGPU along.';
const NODE: Place = { name: 'Node.js', advice: brings };

/** By what `navigator.userAgent` says; the first that fits. */
const PLACES: readonly (readonly [agent: RegExp, place: Place])[] = [
  [
    /Firefox\//,
    browser(
      'Firefox: update it, set dom.webgpu.enabled to true in about:config, restart; about:support shows what it found.',
    ),
  ],
  [
    /Chrom(e|ium)\//,
    browser(
      'Chromium, Chrome, Edge: update it (113 or later), switch graphics acceleration on in chrome://settings/system, and on Linux ' +
        'start it with --enable-unsafe-webgpu --enable-features=Vulkan; without a GPU, with --enable-unsafe-webgpu ' +
        '--use-webgpu-adapter=swiftshader. chrome://gpu shows what it found.',
    ),
  ],
  [/Safari\//, browser('Safari: update to version 26 or later, or switch WebGPU on under Settings, Feature Flags.')],
  [/^Deno\//, { name: 'Deno', advice: `Update Deno and install the GPU’s driver. Or: ${brings}` }],
  [/^Bun\//, { name: 'Bun', advice: brings }],
  [/^Node\.js\//, NODE],
];

/** This place. Node has no `navigator` before version 21, and in a test it may have one of a simulated page. */
export function place(): Place {
  const agent = typeof navigator === 'undefined' ? undefined : navigator.userAgent;
  const found = PLACES.find(([pattern]) => pattern.test(agent ?? ''));
  if (found) return found[1];
  if (typeof process !== 'undefined' && process.versions?.node) return NODE;
  return { name: 'this runtime', advice: 'Use a recent Chrome, Edge, Firefox or Safari.' };
}
