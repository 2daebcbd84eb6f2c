/** The program that runs this code, and what to do there if there is no adapter. */
interface Environment {
  readonly name: string;
  readonly advice: string;
}

const browser = (advice: string): Environment => ({ name: 'this browser', advice });
const importNode = 'import open from webgpu-pose-gan/node, which brings WebGPU along';

/** Environments by `navigator.userAgent`; the first that matches applies. */
const ENVIRONMENTS: readonly (readonly [agent: RegExp, environment: Environment])[] = [
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
  [/^Deno\//, { name: 'Deno', advice: `Deno: update it and install the GPU’s driver, or ${importNode}.` }],
  [/^Bun\//, { name: 'Bun', advice: `Bun: ${importNode}.` }],
  [/^Node\.js\//, { name: 'Node.js', advice: `Node: ${importNode}.` }],
];

/** Node before version 21 has no `navigator`, and tools that simulate pages in Node give it another user agent. */
const UNKNOWN: Environment = {
  name: 'this runtime',
  advice: `Use a recent Chrome, Edge, Firefox or Safari; in Node, ${importNode}.`,
};

/** The environment in which this is called. */
export function environment(): Environment {
  const agent = (typeof navigator === 'undefined' ? undefined : navigator.userAgent) ?? '';
  return ENVIRONMENTS.find(([pattern]) => pattern.test(agent))?.[1] ?? UNKNOWN;
}
