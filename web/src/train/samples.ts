import { SHEET_GAP } from '../../../src/data/samples.js';
import { h, replace } from '../dom.js';
import { counted } from '../words.js';
import { training } from './client.js';

const COLUMNS = ['Source', 'Pose', 'Target', 'Generated'];
/** Largest height in CSS pixels to which a sheet is enlarged by a whole factor. */
const MAX_HEIGHT = 560;

/** The sample sheets of the run: the latest one, and the earlier ones with a slider. */
export function sampleView(): { root: HTMLElement; update(): void } {
  const canvas = h('canvas', { class: 'pixels sheet', role: 'img', 'aria-label': 'There is no sample yet' });
  const heads = h('div', { class: 'heads', 'aria-hidden': 'true' }, ...COLUMNS.map((name) => h('span', {}, name)));
  const when = h('output', { class: 'hint' });
  const slider = h('input', { type: 'range', min: 0, max: 0, step: 1, 'aria-label': 'Look back at earlier samples' });
  const empty = h(
    'p',
    { class: 'muted' },
    'Generated pictures of people that the networks do not train on will appear here.',
  );
  const body = h('div', { class: 'stack' });
  let following = true;

  const draw = () => {
    const { samples } = training.state;
    if (following) slider.value = String(samples.length - 1);
    const sample = samples[Number(slider.value)];
    if (!sample) return;
    const { sheet, step, tile } = sample;
    canvas.width = sheet.width;
    canvas.height = sheet.height;
    const pixels = new ImageData(sheet.width, sheet.height);
    for (let from = 0, to = 0; from < sheet.data.length; from += 3, to += 4) {
      pixels.data.set(sheet.data.subarray(from, from + 3), to);
      pixels.data[to + 3] = 255;
    }
    // Draw the pictures only, so that the gaps show the background of the page.
    const context = canvas.getContext('2d');
    const [across, down] = [tile.width + SHEET_GAP, tile.height + SHEET_GAP];
    for (let y = 0; y < sheet.height; y += down)
      for (let x = 0; x < sheet.width; x += across) context?.putImageData(pixels, 0, 0, x, y, tile.width, tile.height);
    const scale = Math.max(1, Math.floor(MAX_HEIGHT / sheet.height));
    canvas.style.width = `${scale * sheet.width}px`;
    heads.style.width = canvas.style.width;
    when.textContent = `After ${counted(step, 'iteration')}`;
    slider.setAttribute('aria-valuetext', when.textContent);
    canvas.setAttribute(
      'aria-label',
      `${when.textContent}, one pair a row, with source, target pose, target and generated picture`,
    );
  };
  slider.addEventListener('input', () => {
    following = Number(slider.value) === training.state.samples.length - 1;
    draw();
  });

  const update = () => {
    const { samples } = training.state;
    slider.max = String(Math.max(0, samples.length - 1));
    slider.hidden = samples.length < 2;
    if (!samples.length) {
      following = true;
      replace(body, empty);
    } else if (!canvas.isConnected || !body.contains(canvas))
      replace(body, h('div', { class: 'scroll' }, heads, canvas), when, slider);
    draw();
  };
  const now = h(
    'button',
    { type: 'button', class: 'quiet', id: 'sample-now', onclick: () => training.send({ type: 'sample' }) },
    'Draw one now',
  );
  const root = h(
    'section',
    { class: 'card samples', 'aria-labelledby': 'samples-title' },
    h('div', { class: 'row spread' }, h('h2', { id: 'samples-title' }, 'Samples'), now),
    body,
  );
  return {
    root,
    update() {
      now.disabled = !['running', 'paused'].includes(training.state.phase);
      update();
    },
  };
}
