/** Where this code runs, and what to do there when there is no adapter. */
interface Place {
  readonly name: string;
  readonly advice: string;
}

const browser = (advice: string): Place => ({ name: 'this browser', advice });
const brings = 'import open from webgpu-pose-gan/node, which brings WebGPU along';

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
  [/^Deno\//, { name: 'Deno', advice: `Deno: update it and install the GPU’s driver, or ${brings}.` }],
  [/^Bun\//, { name: 'Bun', advice: `Bun: ${brings}.` }],
  [/^Node\.js\//, { name: 'Node.js', advice: `Node: ${brings}.` }],
];

/** Node has no `navigator` before version 21, and where pages are simulated in it, that of another name. */
const ELSEWHERE: Place = {
  name: 'this runtime',
  advice: `Use a recent Chrome, Edge, Firefox or Safari; in Node, ${brings}.`,
};

/** The place where this is called. */
export function place(): Place {
  const agent = (typeof navigator === 'undefined' ? undefined : navigator.userAgent) ?? '';
  return PLACES.find(([pattern]) => pattern.test(agent))?.[1] ?? ELSEWHERE;
}
