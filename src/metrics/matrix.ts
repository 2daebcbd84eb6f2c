/** A matrix in float64, row by row. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

export function matrix(rows: number, columns: number): Matrix {
  return { rows, columns, data: new Float64Array(rows * columns) };
}

export function transpose({ rows, columns, data }: Matrix): Matrix {
  const out = matrix(columns, rows);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) out.data[j * rows + i] = data[i * columns + j] as number;
  return out;
}

/** Rows of b that stay in a CPU's cache while all rows of a pass. */
const BAND = 32;

/**
 * The products of the rows of two matrices, a · bᵀ: c[i, j] = Σ_k a[i, k] · b[j, k]. With `symmetric`, a and b must be the same, and only
 * one half is computed. Sixteen sums at a time stay in registers. Every sum is in the order of k.
 */
export function rowProducts(a: Matrix, b: Matrix, symmetric = false): Matrix {
  const c = matrix(a.rows, b.rows);
  for (let from = 0; from < b.rows; from += BAND)
    for (let i = 0; i < a.rows; i += 4)
      for (let j = from; j < Math.min(b.rows, from + BAND); j += 4) {
        if (symmetric && j + 3 < i) continue;
        if (i + 4 <= a.rows && j + 4 <= b.rows) sixteen(a, b, c, i, j);
        else few(a, b, c, i, j);
      }
  if (symmetric)
    for (let i = 0; i < c.rows; i++)
      for (let j = 0; j < i; j++) c.data[i * c.columns + j] = c.data[j * c.columns + i] as number;
  return c;
}

/** The products of up to four rows each, at an edge. */
function few(a: Matrix, b: Matrix, c: Matrix, top: number, left: number): void {
  const n = a.columns;
  for (let i = top; i < Math.min(a.rows, top + 4); i++)
    for (let j = left; j < Math.min(b.rows, left + 4); j++) {
      let sum = 0;
      for (let k = 0; k < n; k++) sum += (a.data[i * n + k] as number) * (b.data[j * n + k] as number);
      c.data[i * c.columns + j] = sum;
    }
}

/** The products of four rows each. */
function sixteen(a: Matrix, b: Matrix, c: Matrix, i: number, j: number): void {
  const [x, y, z, n] = [a.data, b.data, c.data, a.columns];
  const [a0, a1, a2, a3] = [i * n, i * n + n, i * n + 2 * n, i * n + 3 * n];
  const [b0, b1, b2, b3] = [j * n, j * n + n, j * n + 2 * n, j * n + 3 * n];
  let [s00, s01, s02, s03, s10, s11, s12, s13] = [0, 0, 0, 0, 0, 0, 0, 0];
  let [s20, s21, s22, s23, s30, s31, s32, s33] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let k = 0; k < n; k++) {
    const y0 = y[b0 + k] as number;
    const y1 = y[b1 + k] as number;
    const y2 = y[b2 + k] as number;
    const y3 = y[b3 + k] as number;
    const x0 = x[a0 + k] as number;
    s00 += x0 * y0;
    s01 += x0 * y1;
    s02 += x0 * y2;
    s03 += x0 * y3;
    const x1 = x[a1 + k] as number;
    s10 += x1 * y0;
    s11 += x1 * y1;
    s12 += x1 * y2;
    s13 += x1 * y3;
    const x2 = x[a2 + k] as number;
    s20 += x2 * y0;
    s21 += x2 * y1;
    s22 += x2 * y2;
    s23 += x2 * y3;
    const x3 = x[a3 + k] as number;
    s30 += x3 * y0;
    s31 += x3 * y1;
    s32 += x3 * y2;
    s33 += x3 * y3;
  }
  const m = c.columns;
  z.set([s00, s01, s02, s03], i * m + j);
  z.set([s10, s11, s12, s13], (i + 1) * m + j);
  z.set([s20, s21, s22, s23], (i + 2) * m + j);
  z.set([s30, s31, s32, s33], (i + 3) * m + j);
}

/**
 * The rows R of a symmetric positive semi-definite matrix S = RᵀR [n, n], by Cholesky's decomposition with pivots: as many rows as S has
 * rank. What is left of the diagonal counts as 0 once it is below n·ε times its largest element.
 */
export function choleskyRows(s: Matrix): Matrix {
  const n = s.rows;
  // Column j of R is that of the row and column order[j] of S. Pivots come first.
  const order = Int32Array.from({ length: n }, (_, i) => i);
  const left = Float64Array.from({ length: n }, (_, i) => s.data[i * n + i] as number);
  const least = n * Number.EPSILON * left.reduce((a, b) => Math.max(a, b), 0);
  const rows: Float64Array[] = [];
  for (let k = 0; k < n; k++) {
    let p = k;
    for (let j = k + 1; j < n; j++) if ((left[j] as number) > (left[p] as number)) p = j;
    if (!((left[p] as number) > least)) break;
    for (const line of [order, left, ...rows]) [line[k], line[p]] = [line[p] as number, line[k] as number];
    const pivot = Math.sqrt(left[k] as number);
    const row = new Float64Array(n);
    const at = (order[k] as number) * n;
    for (let j = k + 1; j < n; j++) row[j] = s.data[at + (order[j] as number)] as number;
    for (const before of rows) {
      const factor = before[k] as number;
      for (let j = k + 1; j < n; j++) row[j] = (row[j] as number) - factor * (before[j] as number);
    }
    row[k] = pivot;
    for (let j = k + 1; j < n; j++) {
      const value = (row[j] as number) / pivot;
      row[j] = value;
      left[j] = (left[j] as number) - value * value;
    }
    rows.push(row);
  }
  const out = matrix(rows.length, n);
  for (const [i, row] of rows.entries())
    for (let j = i; j < n; j++) out.data[i * n + (order[j] as number)] = row[j] as number;
  return out;
}
