import { h, replace } from './dom.js';

type Step = string | HTMLElement;

interface Browser {
  readonly name: string;
  readonly matches: (userAgent: string) => boolean;
  readonly steps: () => readonly (readonly Step[])[];
}

const code = (text: string) => h('code', {}, text);

/**
 * The first browser that matches counts: the user agents of Edge and Chrome both contain Chrome, and those of all browsers but
 * Firefox contain Safari. On iPhones and iPads all browsers use Safari's engine and match Safari.
 */
const browsers: readonly Browser[] = [
  {
    name: 'Firefox',
    matches: (ua) => /Firefox\//.test(ua),
    steps: () => [
      [
        'Update Firefox. It has WebGPU since version 141 on Windows and 145 on Macs with Apple processors ' +
          '(147 if macOS is older than 26).',
      ],
      [
        'On Linux, Android and Macs with Intel processors use Firefox Nightly, and set ',
        code('dom.webgpu.enabled'),
        ' to true in ',
        code('about:config'),
        '.',
      ],
      [code('about:support'), ' shows under Graphics what Firefox found.'],
    ],
  },
  {
    name: 'Chrome, Edge and other Chromium browsers',
    matches: (ua) => /Chrom(e|ium)\//.test(ua),
    steps: () => [
      [
        'Update the browser. It has WebGPU since version 113 on Windows, macOS and ChromeOS, since 121 on Android 12 and later, ' +
          'and on Linux since 144 with Intel and 147 with NVIDIA GPUs.',
      ],
      [
        'On a computer, switch on graphics acceleration in ',
        code('chrome://settings/system'),
        ' and restart the browser.',
      ],
      [
        'On Linux with another GPU, start the browser with ',
        code('--enable-unsafe-webgpu --ozone-platform=x11 --use-angle=vulkan --enable-features=Vulkan,VulkanFromANGLE'),
        '.',
      ],
      ['On Windows with an ARM processor, enable ', code('chrome://flags/#enable-unsafe-webgpu'), '.'],
      [
        'Without a GPU, the browser can emulate one slowly on the CPU; start it with ',
        code('--enable-unsafe-webgpu --use-webgpu-adapter=swiftshader'),
        '.',
      ],
      [code('chrome://gpu'), ' shows what the browser found.'],
    ],
  },
  {
    name: 'Safari, and all browsers on iPhone and iPad',
    matches: (ua) => /Safari\//.test(ua),
    steps: () => [
      ['Update to macOS, iOS or iPadOS 26, whose Safari 26 has WebGPU.'],
      [
        'In Safari 18 on a Mac, switch on “Show features for web developers” under Settings, Advanced. Then switch on WebGPU ' +
          'under Settings, Feature Flags.',
      ],
      ['On iOS or iPadOS 18, switch on WebGPU in the app Settings under Apps, Safari, Advanced, Feature Flags.'],
    ],
  },
];

const list = (browser: Browser) =>
  h(
    'ul',
    {},
    browser.steps().map((step) => h('li', {}, ...step)),
  );

/** The reason why there is no adapter, as far as a page can know it. */
function reason(): string {
  if (!isSecureContext)
    return (
      `Browsers give WebGPU only to secure pages, and ${location.origin} is not secure. ` +
      'Open this page over https: or from localhost.'
    );
  if (!('gpu' in navigator) || !navigator.gpu) return 'This browser has no WebGPU, or it is switched off.';
  return 'This browser has WebGPU, but it offers no GPU to this page.';
}

/** Shows a page that says how to switch on WebGPU in this browser. */
export function noAdapter(root: HTMLElement, again: () => void): void {
  const own = browsers.find((b) => b.matches(navigator.userAgent));
  const others = browsers.filter((b) => b !== own);
  replace(
    root,
    h(
      'section',
      { class: 'card narrow' },
      h('h1', {}, 'No GPU for this page'),
      h('p', {}, `This app computes everything on your GPU with WebGPU. ${reason()}`),
      own && isSecureContext ? [h('h2', {}, `In ${own.name}`), list(own)] : null,
      h(
        'details',
        {},
        h('summary', {}, 'In other browsers'),
        others.map((b) => [h('h3', {}, b.name), list(b)]),
      ),
      h('div', { class: 'row' }, h('button', { type: 'button', class: 'primary', onclick: again }, 'Look again')),
    ),
  );
}
