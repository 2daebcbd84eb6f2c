// These are the sizes of a tile of a matrix product. A workgroup computes M rows × N columns, and an invocation
// computes 8 rows × WIDTH columns, where WIDTH is 4 or 8.
const M = 128u;
const N = 128u;
const WIDTH = 8u;
const WIDE = WIDTH == 8u;
const HALVES = WIDTH / 4u;
const FAR = HALVES - 1u;
const ROWS = M / 8u;
const COLUMNS = N / WIDTH;
const T = ROWS * COLUMNS;
