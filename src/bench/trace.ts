import type { Span } from '../gpu/profiler.js';
import type { Profile } from './profile.js';

/** An event of the Trace Event Format, which chrome://tracing and Perfetto read; times are in microseconds. */
export interface TraceEvent {
  readonly name: string;
  /** X: an interval of time; C: a counter; M: the name of a track. */
  readonly ph: 'X' | 'C' | 'M';
  readonly pid: number;
  readonly tid?: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly args: Readonly<Record<string, string | number>>;
}

export interface Trace {
  readonly displayTimeUnit: 'ms';
  readonly otherData: Readonly<Record<string, string>>;
  readonly traceEvents: readonly TraceEvent[];
}

const HOST = 1;
const PHASES = 2;
/** The first track of dispatches; dispatches that overlap on the GPU go to the tracks GPU + 1, GPU + 2, … */
const GPU = 3;

/**
 * The profile's recording as a trace: every dispatch on a track "GPU" with its begin and end, the phases, the work of the
 * host, and the size of the live intermediates. WebGPU does not relate the GPU's clock to the host's, so the first dispatch
 * is put where the host's submission returns.
 *
 * @param about Facts to store in the trace, such as the adapter's name.
 */
export function traceOf(profile: Profile, about: Readonly<Record<string, string>>): Trace {
  const { host, dispatches } = profile.recording;
  const zero = host[0]?.begin ?? 0;
  const start = (host.find((h) => h.name === 'submit')?.end ?? zero) - zero;
  const at = ({ begin, end }: Span, from = 0) => ({ ts: 1000 * (begin + from), dur: 1000 * (end - begin) });
  /** End of the last dispatch on every GPU track. */
  const tracks: number[] = [];
  const events = dispatches.map((span, i): TraceEvent => {
    const { step, layer, phase, shape } = profile.dispatches[i] as Profile['dispatches'][number];
    const free = tracks.findIndex((end) => end <= span.begin);
    const track = free < 0 ? tracks.length : free;
    tracks[track] = span.end;
    const dims = shape ? `[${shape.join('×')}]` : '';
    return {
      ...{ name: `${step.shader}${dims}`, cat: phase, ph: 'X', pid: 1, tid: GPU + track, ...at(span, start) },
      args: {
        ...{ op: step.call.op.name, variant: step.call.kernel.variant.name, layer, phase, shape: dims, dispatch: i },
        workgroups: step.workgroups.join('×'),
        ...ratesOf(profile, i),
      },
    };
  });
  const name = (tid: number, text: string): TraceEvent[] => [
    { name: 'thread_name', ph: 'M', pid: 1, tid, args: { name: text } },
    { name: 'thread_sort_index', ph: 'M', pid: 1, tid, args: { sort_index: tid } },
  ];
  return {
    displayTimeUnit: 'ms',
    otherData: about,
    traceEvents: [
      { name: 'process_name', ph: 'M', pid: 1, args: { name: `pose-gan on ${about.adapter ?? 'an unnamed adapter'}` } },
      ...[...name(HOST, 'host'), ...name(PHASES, 'phase'), ...tracks.flatMap((_, i) => name(GPU + i, 'GPU'))],
      ...host.map((h): TraceEvent => {
        const span = at({ begin: h.begin - zero, end: h.end - zero });
        return { name: h.name, cat: 'host', ph: 'X', pid: 1, tid: HOST, ...span, args: {} };
      }),
      ...phaseSpans(profile).map(
        ({ name: phase, ...span }): TraceEvent => ({
          ...{ name: phase, cat: 'phase', ph: 'X', pid: 1, tid: PHASES, ...at(span, start) },
          args: {},
        }),
      ),
      ...events,
      ...profile.dispatches.map(
        ({ liveBytes }, i): TraceEvent => ({
          ...{ name: 'live intermediates', ph: 'C', pid: 1, ts: events[i]?.ts },
          args: { MiB: liveBytes / 2 ** 20 },
        }),
      ),
    ],
  };
}

/** Bytes of the call that a dispatch belongs to, and its rate in this recording if it counts operations. */
function ratesOf({ dispatches, recording }: Profile, i: number): Record<string, number> {
  const { step } = dispatches[i] as Profile['dispatches'][number];
  let [ms, flops, bytes] = [0, 0, 0];
  for (const [k, d] of dispatches.entries()) {
    if (d.step.call !== step.call) continue;
    const { begin = 0, end = 0 } = recording.dispatches[k] ?? {};
    ms += end - begin;
    flops += d.flops;
    bytes += d.bytes;
  }
  return { bytes, ...(flops && ms > 0 ? { 'GFLOP/s': flops / ms / 1e6 } : {}) };
}

/** Consecutive dispatches of one phase as one span. */
function phaseSpans({ dispatches, recording }: Profile): (Span & { name: string })[] {
  const found: { name: string; begin: number; end: number }[] = [];
  for (const [i, { phase }] of dispatches.entries()) {
    const { begin = 0, end = 0 } = recording.dispatches[i] ?? {};
    const last = found.at(-1);
    if (last?.name === phase) last.end = end;
    else found.push({ name: phase, begin, end });
  }
  return found;
}
