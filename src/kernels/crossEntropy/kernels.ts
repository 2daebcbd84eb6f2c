import lanesSource from '../../../shaders/crossEntropy/lanes.wgsl';
import rowsSource from '../../../shaders/crossEntropy/rows.wgsl';
import type { Dispatch, Kernels, Launch, Variant } from '../../autograd/kernel.js';
import { type Shader, shader, withVariable } from '../../gpu/shader.js';

import { byLanes, byRows, type RowDispatch, SHARED_ROWS } from '../softmax/lanes.js';
import { type Total, totalBySplit, totalByTree, totalInOrder } from '../sum/reduction.js';
import type { CrossEntropyCall } from './crossEntropy.js';
import { factorOf } from './reduction.js';

/** A kernel that computes one loss per row. It stores them in the result or, if they are summed, in scratch. */
interface RowKernel {
  readonly dispatch: (call: CrossEntropyCall['arg']['logits'], of: RowDispatch) => Dispatch;
  readonly result: Shader;
  readonly scratch: Shader;
}

const rowKernel = (name: string, source: typeof rowsSource, dispatch: RowKernel['dispatch']): RowKernel => ({
  dispatch,
  result: shader(`crossEntropy/${name}`, source),
  scratch: withVariable(`crossEntropy/${name}`, source, 'y', 'terms'),
});

const byRow = rowKernel('rows', rowsSource, byRows);
const byLane = rowKernel('lanes', lanesSource, byLanes);

/** Launches `kernel` for one loss per row and, unless each is a result of its own, `total` for their sum. */
function launch(
  { arg: { logits }, attrs: { smoothing, reduction } }: CrossEntropyCall,
  kernel: RowKernel,
  total: (count: number, factor: number) => Total,
): Launch {
  const params = { smoothing };
  if (reduction === 'none') return { dispatches: [kernel.dispatch(logits, { shader: kernel.result, params })] };
  const { scratch, dispatches } = total(logits.rows, factorOf(logits, reduction));
  return {
    scratch: { ...scratch, terms: logits.rows },
    dispatches: [kernel.dispatch(logits, { shader: kernel.scratch, params }), ...dispatches],
  };
}

const lanes: Variant<CrossEntropyCall> = { name: 'lanes', launch: (call) => launch(call, byLane, totalByTree) };

/** This variant is for adapters that run on the CPU. */
export const rows: Variant<CrossEntropyCall> = { name: 'rows', launch: (call) => launch(call, byRow, totalBySplit) };

const reference: Variant<CrossEntropyCall> = {
  name: 'naive',
  launch: (call) => launch(call, byRow, (count, factor) => ({ dispatches: [totalInOrder(count, factor)] })),
};

export const kernels: Kernels<CrossEntropyCall> = {
  variants: [lanes, rows, reference],
  reference,
  choose: () => ({ variant: lanes, reason: SHARED_ROWS }),
};
