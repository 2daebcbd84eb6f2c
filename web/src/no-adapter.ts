import { h, replace } from './dom.js';

type Step = string | HTMLElement;

interface Browser {
  readonly name: string;
  readonly matches: (userAgent: string) => boolean;
  readonly steps: () => readonly (readonly Step[])[];
}

const code = (text: string) => h('code', {}, text);

/**
 * Edge and Chrome both say Chrome, and all but Firefox say Safari: the first that matches counts. On iPhones and iPads all
 * of them are Safari inside, and say so.
 */
const browsers: readonly Browser[] = [
  {
    name: 'Firefox',
    matches: (ua) => /Firefox\//.test(ua),
    steps: () => [
      [
        'Update Firefox: it has WebGPU from version 141 on Windows and 145 on Macs with Apple processors ' +
          '(147 where macOS is older than 26).',
      ],
      [
        'On Linux, Android and Macs with Intel processors take Firefox Nightly; in ',
        code('about:config'),
        ', ',
        code('dom.webgpu.enabled'),
        ' has to be true.',
      ],
      [code('about:support'), ' says under Graphics what it found.'],
    ],
  },
  {
    name: 'Chrome, Edge and other Chromium browsers',
    matches: (ua) => /Chrom(e|ium)\//.test(ua),
    steps: () => [
      [
        'Update the browser: WebGPU came with version 113 on Windows, macOS and ChromeOS, with 121 on Android 12 and later, ' +
          'and on Linux with 144 for Intel and 147 for NVIDIA.',
      ],
      [
        'On a computer switch graphics acceleration on in ',
        code('chrome://settings/system'),
        ' and start the browser again.',
      ],
      [
        'On Linux with another GPU start it with ',
        code('--enable-unsafe-webgpu --ozone-platform=x11 --use-angle=vulkan --enable-features=Vulkan,VulkanFromANGLE'),
        '.',
      ],
      ['On Windows with an ARM processor enable ', code('chrome://flags/#enable-unsafe-webgpu'), '.'],
      [
        'Without a GPU, a slow one can be made by the CPU: start it with ',
        code('--enable-unsafe-webgpu --use-webgpu-adapter=swiftshader'),
        '.',
      ],
      [code('chrome://gpu'), ' says what it found.'],
    ],
  },
  {
    name: 'Safari, and all browsers on iPhone and iPad',
    matches: (ua) => /Safari\//.test(ua),
    steps: () => [
      ['Update to macOS, iOS or iPadOS 26: Safari 26 there has WebGPU.'],
      [
        'Safari 18 on a Mac: Settings, Advanced, switch on “Show features for web developers”; then Settings, Feature Flags, ' +
          'WebGPU.',
      ],
      ['iOS or iPadOS 18: in the app Settings, Apps, Safari, Advanced, Feature Flags, WebGPU.'],
    ],
  },
];

const list = (browser: Browser) =>
  h(
    'ul',
    {},
    browser.steps().map((step) => h('li', {}, ...step)),
  );

/** What went wrong, as far as a page can know. */
function reason(): string {
  if (!isSecureContext)
    return (
      `Browsers keep WebGPU from pages that are not secure, and ${location.origin} is not. ` +
      'Open this page over https: or from localhost.'
    );
  if (!('gpu' in navigator) || !navigator.gpu) return 'This browser has no WebGPU, or it is switched off.';
  return 'This browser has WebGPU, but it offers no GPU to this page.';
}

/** The page that is shown where there is no adapter: what to switch on in this browser. */
export function noAdapter(root: HTMLElement, again: () => void): void {
  const own = browsers.find((b) => b.matches(navigator.userAgent));
  const others = browsers.filter((b) => b !== own);
  replace(
    root,
    h(
      'section',
      { class: 'card narrow' },
      h('h1', {}, 'No GPU for this page'),
      h('p', {}, `Everything here is computed on your GPU through WebGPU. ${reason()}`),
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
