import { type Matrix, transpose } from './matrix.js';

/** How often an eigenvalue is approached at most. Two or three times are usual. */
const MOST = 60;

/** Is told how much of the work is done. */
export type OnProgress = (done: number, total: number) => void;

/**
 * The sum of the singular values of a matrix, its nuclear norm. Reflections make the matrix bidiagonal (Golub & Kahan 1965), and the
 * eigenvalues of a tridiagonal matrix twice as large are the singular values and their negatives. The error of each singular
 * value is of the order of float64's precision relative to the largest. The time is proportional to rows · columns², the smaller
 * number being columns.
 */
export function nuclearNorm(a: Matrix, onProgress?: OnProgress): number {
  if (a.rows === 0 || a.columns === 0) return 0;
  const { diagonal, above } = bidiagonal(a.rows < a.columns ? transpose(a) : a, onProgress);
  // The eigenvalues of [0 B; Bᵀ 0], with rows and columns in the order in which it is tridiagonal.
  const n = diagonal.length;
  const beside = new Float64Array(2 * n - 1);
  for (let i = 0; i < n; i++) {
    beside[2 * i] = diagonal[i] as number;
    if (i + 1 < n) beside[2 * i + 1] = above[i] as number;
  }
  return tridiagonalEigenvalues(new Float64Array(2 * n), beside).reduce((sum, v) => sum + Math.abs(v), 0) / 2;
}

/**
 * The diagonal [columns] and the elements above it [columns − 1] of an upper bidiagonal matrix with the singular values of a, which has
 * at least as many rows as columns. Step k reflects column k from the left by I − β v vᵀ, then row k from the right by I − γ u uᵀ. Both
 * are applied in one pass over the rows below, which also prepares the next step: a is too large for a CPU's caches.
 */
function bidiagonal(given: Matrix, onProgress?: OnProgress): { diagonal: Float64Array; above: Float64Array } {
  const { rows, columns: n } = given;
  const a = given.data.slice();
  const [diagonal, above] = [new Float64Array(n), new Float64Array(n - 1)];
  const v = new Float64Array(rows);
  const [w, u] = [new Float64Array(n), new Float64Array(n)];
  // s[j] = Σ_i a[i, k] · a[i, j], over the rows from k on.
  const s = new Float64Array(n);
  for (let i = 0; i < rows; i++) addRow(s, a, i * n, a[i * n] as number, 0);
  for (let k = 0; k < n; k++) {
    let square = 0;
    for (let i = k; i < rows; i++) {
      const value = a[i * n + k] as number;
      v[i] = value;
      square += value * value;
    }
    const { head, factor } = reflection(v[k] as number, square);
    diagonal[k] = head;
    v[k] = (v[k] as number) - head;
    // The left reflection subtracts v[i] · w from row i, where w = β Σ_i v[i] · (row i).
    const at = k * n;
    square = 0;
    for (let j = k + 1; j < n; j++) {
      const value = factor * ((s[j] as number) - head * (a[at + j] as number));
      w[j] = value;
      const rest = (a[at + j] as number) - (v[k] as number) * value;
      u[j] = rest;
      square += rest * rest;
    }
    if (k + 1 === n) break;
    const right = reflection(u[k + 1] as number, k + 2 < n ? square : 0);
    above[k] = k + 2 < n ? right.head : (u[k + 1] as number);
    u[k + 1] = (u[k + 1] as number) - (above[k] as number);
    s.fill(0, k + 1);
    for (let i = k + 1; i < rows; i++) {
      const z = right.factor * reflectLeft(a, i * n, v[i] as number, w, u, k + 1);
      const first = (a[i * n + k + 1] as number) - z * (u[k + 1] as number);
      reflectRight(a, i * n, z, u, s, first, k + 1);
    }
    onProgress?.(k + 1, n);
  }
  onProgress?.(n, n);
  return { diagonal, above };
}

/**
 * The reflection that maps a vector x with this first element and square length to head · e: I − factor · y yᵀ with y = x − head · e. Its
 * head has the opposite sign of the first element, so that nothing cancels in y.
 */
function reflection(first: number, square: number): { head: number; factor: number } {
  const head = first > 0 ? -Math.sqrt(square) : Math.sqrt(square);
  return { head, factor: head === 0 ? 0 : 1 / (head * (head - first)) };
}

/** s += factor · row. */
function addRow(s: Float64Array, a: Float64Array, row: number, factor: number, from: number): void {
  for (let j = from; j < s.length; j++) s[j] = (s[j] as number) + factor * (a[row + j] as number);
}

/** row −= v · w. Returns the product of the new row and u. Four sums keep the CPU from waiting for one addition after the other. */
function reflectLeft(a: Float64Array, row: number, v: number, w: Float64Array, u: Float64Array, from: number): number {
  const n = w.length;
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let j = from;
  for (; j + 3 < n; j += 4) {
    const a0 = (a[row + j] as number) - v * (w[j] as number);
    const a1 = (a[row + j + 1] as number) - v * (w[j + 1] as number);
    const a2 = (a[row + j + 2] as number) - v * (w[j + 2] as number);
    const a3 = (a[row + j + 3] as number) - v * (w[j + 3] as number);
    a[row + j] = a0;
    a[row + j + 1] = a1;
    a[row + j + 2] = a2;
    a[row + j + 3] = a3;
    s0 += a0 * (u[j] as number);
    s1 += a1 * (u[j + 1] as number);
    s2 += a2 * (u[j + 2] as number);
    s3 += a3 * (u[j + 3] as number);
  }
  for (; j < n; j++) {
    const value = (a[row + j] as number) - v * (w[j] as number);
    a[row + j] = value;
    s0 += value * (u[j] as number);
  }
  return s0 + s1 + (s2 + s3);
}

/** row −= z · u, and then s += first · row. */
function reflectRight(
  a: Float64Array,
  row: number,
  z: number,
  u: Float64Array,
  s: Float64Array,
  first: number,
  from: number,
): void {
  for (let j = from; j < s.length; j++) {
    const value = (a[row + j] as number) - z * (u[j] as number);
    a[row + j] = value;
    s[j] = (s[j] as number) + first * value;
  }
}

/**
 * The eigenvalues of a symmetric tridiagonal matrix, by QR steps with Wilkinson's shift (Golub & Van Loan, algorithm 8.3.3).
 * `diagonal` [n] and `beside` [n − 1] are overwritten. Elements beside the diagonal count as 0 below ε times the norm.
 */
function tridiagonalEigenvalues(diagonal: Float64Array, beside: Float64Array): Float64Array {
  const norm = [diagonal, beside].reduce((m, x) => x.reduce((a, b) => Math.max(a, Math.abs(b)), m), 0);
  if (!Number.isFinite(norm)) return diagonal.fill(Number.NaN);
  const least = Number.EPSILON * norm;
  const small = (i: number) => Math.abs(beside[i] as number) <= least;
  let end = diagonal.length - 1;
  for (let left = MOST * diagonal.length; end > 0; ) {
    if (small(end - 1)) {
      end--;
      continue;
    }
    let start = end - 1;
    while (start > 0 && !small(start - 1)) start--;
    if (left-- === 0) throw new Error(`the eigenvalues of a matrix of ${diagonal.length} rows do not converge`);
    step(diagonal, beside, start, end);
  }
  return diagonal;
}

/** One QR step of the rows start … end. */
function step(diagonal: Float64Array, beside: Float64Array, start: number, end: number): void {
  const last = beside[end - 1] as number;
  const half = ((diagonal[end - 1] as number) - (diagonal[end] as number)) / 2;
  const root = Math.sqrt(half * half + last * last);
  const shift = (diagonal[end] as number) - (last * last) / (half + (half < 0 ? -root : root));
  let x = (diagonal[start] as number) - shift;
  let z = beside[start] as number;
  for (let k = start; k < end; k++) {
    const r = Math.sqrt(x * x + z * z);
    const [c, s] = r === 0 ? [1, 0] : [x / r, z / r];
    if (k > start) beside[k - 1] = r;
    const [p, q, e] = [diagonal[k] as number, diagonal[k + 1] as number, beside[k] as number];
    const cross = 2 * c * s * e;
    diagonal[k] = c * c * p + cross + s * s * q;
    diagonal[k + 1] = s * s * p - cross + c * c * q;
    beside[k] = c * s * (q - p) + (c * c - s * s) * e;
    if (k + 1 === end) break;
    const next = beside[k + 1] as number;
    x = beside[k] as number;
    z = s * next;
    beside[k + 1] = c * next;
  }
}
