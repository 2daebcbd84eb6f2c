import { PERSON, type Skeleton } from '../pose/skeleton.js';
import { drawSynthetic, type SynthOptions, type SynthPicture } from './synth.js';
import { drawLamp, LAMP } from './synth-lamp.js';

/** An object that can be drawn in many poses with the joints of its skeleton, as a pure function of the options. */
export interface SynthObject {
  readonly skeleton: Skeleton;
  readonly draw: (options: SynthOptions) => SynthPicture;
}

export const PEOPLE: SynthObject = { skeleton: PERSON, draw: drawSynthetic };
const lamps: SynthObject = { skeleton: LAMP, draw: drawLamp };

/** The objects that `pose-gan synth` can draw, by name. */
export const SYNTH_OBJECTS: Readonly<Record<string, SynthObject>> = { person: PEOPLE, lamp: lamps };
