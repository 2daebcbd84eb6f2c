import { type Stream, stream } from '../random.js';
import { type Fabric, fabric, hsl, mix, type Tint } from './fabric.js';

type Hair = 'bald' | 'short' | 'bob' | 'long' | 'ponytail' | 'bun';
type Bottom = 'trousers' | 'jeans' | 'shorts' | 'skirt' | 'leggings';
type Bag = 'none' | 'backpack' | 'shoulder';

/** The body and clothes of one identity, which are the same in all of its pictures. Lengths are in statures. */
export interface Person {
  /** The breadth of the body, 1 on average. */
  readonly build: number;
  readonly shoulders: number;
  readonly hips: number;
  /** The width of the waist divided by that of the hips. */
  readonly waist: number;
  readonly legs: number;
  readonly head: number;
  readonly skin: Tint;
  readonly hair: Hair;
  readonly hairColour: Tint;
  readonly beard: boolean;
  readonly glasses: boolean;
  /** The colour of the cap, if the person wears one. */
  readonly cap: Tint | undefined;
  readonly top: Fabric;
  /** The length of the sleeves: 0 for none, 1 to the elbow, 2 to the wrist. */
  readonly sleeves: number;
  /** How far the top hangs below the hip joints. */
  readonly hem: number;
  readonly bottom: Bottom;
  readonly bottomFabric: Fabric;
  /** Where skirts and shorts end, from the hip (0) over the knee (1) to the ankle (2). */
  readonly bottomLength: number;
  readonly looseness: number;
  readonly shoes: Tint;
  readonly sole: Tint;
  readonly socks: Tint | undefined;
  readonly bag: Bag;
  readonly bagColour: Tint;
}

const SKINS: readonly Tint[] = [
  [241, 206, 180],
  [229, 184, 150],
  [214, 165, 125],
  [189, 134, 96],
  [148, 99, 68],
  [104, 68, 48],
];
const HAIRS: readonly Tint[] = [
  [28, 24, 24],
  [40, 30, 26],
  [66, 44, 30],
  [98, 64, 38],
  [150, 106, 58],
  [205, 170, 110],
  [150, 70, 36],
  [150, 148, 146],
];

function bottomFabric(random: Stream, skin: Tint, kind: Bottom): Fabric {
  if (kind === 'jeans') {
    const base = hsl(random.uniform(0.58, 0.63), random.uniform(0.25, 0.5), random.uniform(0.18, 0.45));
    return { pattern: 'plain', base, accent: base, period: 0.06, shift: random.uniform() };
  }
  return fabric(
    random,
    skin,
    kind === 'skirt' ? ['plain', 'plain', 'stripes', 'dots', 'plaid'] : ['plain', 'plain', 'plain', 'plaid'],
  );
}

/** The person with an identity number, as a pure function of both arguments. */
export function person(seed: number, identity: number): Person {
  const random = stream(seed, identity, 1);
  const skin = mix(random.pick(SKINS), random.pick(SKINS), random.uniform(0, 0.3));
  const slim = random.chance(0.5);
  const bottom = random.pick<Bottom>(
    slim
      ? ['trousers', 'jeans', 'shorts', 'skirt', 'skirt', 'leggings']
      : ['trousers', 'jeans', 'jeans', 'trousers', 'shorts'],
  );
  const dress = bottom === 'skirt' && random.chance(0.4);
  const top = fabric(random, skin, [
    'plain',
    'plain',
    'stripes',
    'stripes',
    'pinstripes',
    'plaid',
    'dots',
    'blocks',
    'print',
    'open',
  ]);
  const sleeves = top.pattern === 'open' ? 2 : random.pick([0, 0.6, 0.7, 0.9, 2, 2]);
  const coat = top.pattern === 'open' || (sleeves === 2 && random.chance(0.25));
  const shoe = random.uniform();
  return {
    build: Math.max(0.82, random.normal(slim ? 0.93 : 1.04, 0.08)),
    shoulders: random.normal(slim ? 0.09 : 0.1, 0.004),
    hips: random.normal(slim ? 0.054 : 0.05, 0.003),
    waist: slim ? random.uniform(0.74, 0.86) : random.uniform(0.86, 1),
    legs: random.normal(1, 0.03),
    head: random.normal(1.08, 0.04),
    skin,
    hair: random.pick<Hair>(
      slim ? ['bob', 'long', 'long', 'ponytail', 'bun', 'short'] : ['short', 'short', 'short', 'bald', 'bob'],
    ),
    hairColour: random.pick(HAIRS),
    beard: !slim && random.chance(0.3),
    glasses: random.chance(0.2),
    cap: random.chance(0.15) ? hsl(random.uniform(), 0.6, random.uniform(0.2, 0.5)) : undefined,
    top,
    sleeves,
    hem: coat ? random.uniform(0.06, 0.2) : random.uniform(-0.02, 0.03),
    bottom,
    bottomFabric: dress ? top : bottomFabric(random, skin, bottom),
    bottomLength: bottom === 'skirt' ? random.uniform(0.6, 1.5) : random.uniform(0.55, 0.95),
    looseness: bottom === 'leggings' ? 0 : random.uniform(0.2, 1),
    shoes: shoe < 0.4 ? [30, 28, 30] : shoe < 0.65 ? [228, 226, 222] : hsl(random.uniform(), 0.6, 0.4),
    sole: random.chance(0.5) ? [232, 230, 226] : [50, 44, 40],
    socks: random.chance(0.4) ? (random.chance(0.5) ? [236, 236, 232] : [40, 40, 44]) : undefined,
    bag: random.pick<Bag>(['none', 'none', 'none', 'backpack', 'shoulder']),
    bagColour: hsl(random.uniform(), random.uniform(0.2, 0.7), random.uniform(0.15, 0.45)),
  };
}
