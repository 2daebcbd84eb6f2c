import { wheel } from '../../../src/data/draw.js';
import { blank, type Colour, type Image } from '../../../src/data/image.js';
import { painted, regionIn } from '../../../src/model/inspection-images.js';
import { type PartTransform, partTransforms, type Region } from '../../../src/pose/geometry.js';
import type { Pose } from '../../../src/pose/skeleton.js';
import { type Child, h, replace, svg } from '../dom.js';
import { paint } from '../picture.js';
import { readable, viewBox } from './bones.js';
import type { Person } from './framing.js';
import type { ChannelPicture, FeatureLevel, Inside, Model } from './protocol.js';
import type { Session } from './session.js';

/** Milliseconds without a change after which a pair is inspected. */
const DEBOUNCE_MS = 400;
/** Colour of the unwarped candidate on maps. */
const UNWARPED: Colour = [205, 205, 205];
/** Brightness of the candidates that are not selected in the legend. */
const DIMMED = 0.2;

const css = (c: Colour) => `rgb(${c.join(' ')})`;

function picture(image: Image, label: string, ...over: Child[]): HTMLElement {
  const canvas = h('canvas', { class: 'pixels', role: 'img', 'aria-label': label });
  paint(canvas, image);
  return h('div', { class: 'stage-picture', style: `--proportion: ${image.width / image.height}` }, canvas, over);
}

const tile = (image: Image, label: string, caption: Child = label, ...over: Child[]) =>
  h('figure', { class: 'tile' }, picture(image, label, ...over), h('figcaption', {}, caption));

const section = (title: string, text: string, ...children: Child[]) =>
  h('section', { class: 'stack' }, h('h3', {}, title), h('p', { class: 'hint' }, text), children);

/** A pair and the results of its inspection. */
interface Found {
  readonly inside: Inside;
  readonly model: Model;
  readonly person: Person;
  readonly target: Pose;
  readonly generated: Image;
}

/** Shows the intermediate results of the model for the current pair. Returns a function that ends this. */
export function insideView(session: Session, element: HTMLDetailsElement): () => void {
  const state = h('p', { class: 'hint', role: 'status' });
  const content = h('div', { class: 'inside' });
  element.append(state, content);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let busy = false;
  let stale = true;

  const inspect = async () => {
    const { model, person, target, picture: generated } = session;
    if (!model || !person || !target || !generated || busy) return;
    busy = true;
    stale = false;
    content.setAttribute('aria-busy', 'true');
    state.textContent = content.childElementCount ? 'Updating …' : 'Looking inside …';
    try {
      const inside = await session.inspect();
      if (inside && model === session.model && element.open)
        replace(content, views({ inside, model, person, target, generated: generated.image }));
      state.textContent = '';
    } catch (error) {
      state.textContent = (error as Error).message;
    }
    content.removeAttribute('aria-busy');
    busy = false;
    if (stale) schedule();
  };
  const schedule = () => {
    stale = true;
    clearTimeout(timer);
    if (element.open) timer = setTimeout(() => void inspect(), DEBOUNCE_MS);
  };
  const toggled = () => {
    if (element.open && stale) void inspect();
  };
  element.addEventListener('toggle', toggled);
  const clear = session.on('model', () => replace(content));
  const follow = session.on('picture', schedule);
  return () => {
    clear();
    follow();
    clearTimeout(timer);
    element.removeEventListener('toggle', toggled);
  };
}

function views(found: Found): Child[] {
  const { inside, model, person, target } = found;
  const { config, skeleton } = model;
  const colours = skeleton.parts.map((_, i) => wheel(i, skeleton.parts.length));
  const transforms = partTransforms(config.geometry, skeleton, person.pose, target);
  return [
    section(
      'Poses as the networks see them',
      'Every joint is a blob on its own map; the pictures show the maximum of all maps. Parts are regions around joints.',
      h(
        'div',
        { class: 'tiles' },
        tile(inside.sourceHeat, 'Heat maps of the person'),
        tile(inside.targetHeat, 'Heat maps of the target'),
        tile(person.image, 'Parts of the person', undefined, regions(found, transforms, 'source', colours)),
        tile(found.generated, 'Parts in the target pose', undefined, regions(found, transforms, 'target', colours)),
      ),
    ),
    section(
      'Masks and warps of the parts',
      `The left picture of each part shows its mask on the ${config.maskOn === 'source' ? 'person' : 'target'}. The right one shows ` +
        'the person’s picture moved by the part’s affine map. The network moves features instead of pixels.',
      h(
        'div',
        { class: 'tiles wide' },
        skeleton.parts.map((part, p) => partTile(found, part.name, p, colours, transforms)),
      ),
    ),
    winners(found, colours),
    inside.features.length ? features(inside.features) : null,
  ];
}

function regions(
  { model }: Found,
  transforms: readonly PartTransform[],
  side: 'source' | 'target',
  colours: readonly Colour[],
): Child {
  const { width, height, maskOn } = model.config;
  const shapes = transforms.map((t, i) => {
    const region: Region = regionIn(side, t, maskOn);
    if (typeof region === 'string') return null;
    const points = region.map((p) => p.join(',')).join(' ');
    const name = readable(model.skeleton.parts[i]?.name ?? '');
    return svg('polygon', { points, stroke: css(colours[i] as Colour) }, svg('title', {}, name));
  });
  return svg('svg', { viewBox: viewBox(width, height), class: 'regions', 'aria-hidden': 'true' }, shapes);
}

function partTile(
  { inside }: Found,
  name: string,
  p: number,
  colours: readonly Colour[],
  transforms: readonly PartTransform[],
): HTMLElement {
  const label = readable(name);
  const absent = transforms[p]?.mask === 'none' || (transforms[p]?.affine[2] ?? 0) <= -1e6;
  return h(
    'figure',
    { class: 'tile' },
    h(
      'div',
      { class: 'pair' },
      picture(inside.masks[p] as Image, `Mask of ${label}`),
      picture(inside.warps[p] as Image, `Warp of ${label}`),
    ),
    h('figcaption', {}, swatch(colours[p] as Colour), label, absent ? h('span', { class: 'muted' }, ' (none)') : null),
  );
}

const swatch = (colour: Colour) =>
  h('span', { class: 'swatch', style: `background: ${css(colour)}`, 'aria-hidden': 'true' });

/** The arg-max maps with a legend. A click on an entry of the legend shows where that candidate won. */
function winners({ inside, model }: Found, colours: readonly Colour[]): HTMLElement {
  const { config, skeleton } = model;
  const names = [...(config.identity ? ['not moved'] : []), ...skeleton.parts.map((p) => readable(p.name))];
  const all = [...(config.identity ? [UNWARPED] : []), ...colours];
  let lit: number | undefined;
  const dim = (c: Colour): Colour => [c[0] * DIMMED, c[1] * DIMMED, c[2] * DIMMED];
  const maps = inside.winners.map((w) => {
    const label = inside.winnersOf === 'image' ? 'The picture itself' : `Level ${Math.log2(w.scale) + 1}`;
    const canvas = h('canvas', { class: 'pixels', role: 'img', 'aria-label': `Which part won, ${label}` });
    const box = h('div', { class: 'stage-picture', style: `--proportion: ${w.width / w.height}` }, canvas);
    const draw = () => {
      const shown = all.map((c, i) => (lit === undefined || lit === i ? c : dim(c)));
      paint(canvas, painted(w.winner, w.height, w.width, shown));
    };
    draw();
    const size = h('span', { class: 'muted' }, ` ${w.height}×${w.width}`);
    return { draw, element: h('figure', { class: 'tile' }, box, h('figcaption', {}, label, size)) };
  });
  const share = (i: number) => {
    const winner = inside.winners[0]?.winner ?? new Uint8Array();
    return Math.round((100 * winner.filter((v) => v === i).length) / Math.max(1, winner.length));
  };
  const legend = names.map((name, i) => {
    const button = h(
      'button',
      { type: 'button', class: 'quiet', 'aria-pressed': 'false' },
      swatch(all[i] as Colour),
      name,
      h('span', { class: 'muted' }, ` ${share(i)} %`),
    );
    button.addEventListener('click', () => {
      lit = lit === i ? undefined : i;
      for (const [k, b] of legend.entries()) b.setAttribute('aria-pressed', String(k === lit));
      for (const map of maps) map.draw();
    });
    return button;
  });
  return section(
    'Which part won each pixel',
    inside.winnersOf === 'image'
      ? 'Where warps overlap, the largest value wins. This model does not take maxima of features, so the map shows the winners ' +
          'for the picture itself.'
      : 'Where warps overlap, the largest feature wins. The maps show the part that won most channels of each pixel. The ' +
          'percentages are those of level 1.',
    h(
      'div',
      { class: 'tiles' },
      maps.map(({ element }) => element),
    ),
    h('div', { class: 'legend', role: 'group', 'aria-label': 'Show where one part won' }, legend),
  );
}

function features(levels: readonly FeatureLevel[]): HTMLElement {
  const row = (level: number, what: string, channels: readonly ChannelPicture[], count: number) =>
    channels.length
      ? h(
          'div',
          { class: 'feature-row' },
          h('span', { class: 'hint' }, `${what}, ${channels.length} of ${count}`),
          h(
            'div',
            { class: 'small-tiles' },
            channels.map(({ channel, image }) => picture(image, `Level ${level}, ${what}, channel ${channel}`)),
          ),
        )
      : null;
  return section(
    'Inputs of the decoder',
    'These are the skip features of each level: the channels that vary most, from their smallest value (dark) to their largest ' +
      '(bright).',
    levels.map((level, i) => {
      const { image } = level.appearance[0] ?? level.pose[0] ?? { image: blank(1, 1) };
      return h(
        'div',
        { class: 'feature-level' },
        h('h4', {}, `Level ${i + 1} `, h('span', { class: 'muted' }, `${image.height}×${image.width}`)),
        row(i + 1, 'appearance, moved', level.appearance, level.channels[0]),
        row(i + 1, 'target pose', level.pose, level.channels[1]),
      );
    }),
  );
}
