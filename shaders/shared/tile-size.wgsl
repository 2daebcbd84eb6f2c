// A tile of a product of matrices: a workgroup makes M rows × N columns, an invocation 8 rows × WIDTH columns, four or eight.
const M = 128u;
const N = 128u;
const WIDTH = 8u;
const WIDE = WIDTH == 8u;
const HALVES = WIDTH / 4u;
const FAR = HALVES - 1u;
const ROWS = M / 8u;
const COLUMNS = N / WIDTH;
const T = ROWS * COLUMNS;
