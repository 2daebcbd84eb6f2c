import { type BenchRow, benchDocument, describe } from '../bench/document.js';
import { benchReport } from '../bench/report.js';
import type { CheckResult } from '../bench/user-check.js';
import { rowsOf } from '../bench/user-document.js';
import type { TimedCase } from '../bench/user-time.js';
import { clockOf } from '../gpu/clock.js';
import type { Engine } from '../gpu/engine.js';
import { writeFileAtomic } from '../node/files.js';
import { machine } from './machine.js';

/** The document and the report of a user's kernel, which are written case by case. */
export class KernelFiles {
  readonly rows: BenchRow[] = [];
  readonly #date = new Date().toISOString();

  private constructor(
    private readonly engine: Engine,
    private readonly paths: { readonly out?: string; readonly html?: string },
    private readonly samples: number,
    private readonly timing: { readonly source: 'timestamps' | 'wall clock'; readonly stepMs: number },
  ) {}

  static async open(engine: Engine, paths: KernelFiles['paths'], samples: number): Promise<KernelFiles> {
    const { source, stepMs } = await clockOf(engine);
    return new KernelFiles(engine, paths, samples, { source, stepMs });
  }

  /** Adds a case and writes the files. */
  add(op: string, found: TimedCase, check: CheckResult): void {
    this.rows.push(...rowsOf(op, found, check));
    this.write(false);
  }

  /** Writes the files; `complete` says whether all cases were run. */
  write(complete: boolean): void {
    const { out, html } = this.paths;
    const peaks = this.rows.at(-1)?.speed?.peaks;
    if (!peaks) return;
    const doc = benchDocument(describe(this.engine), {
      ...{ host: machine(), samples: this.samples, timing: this.timing, peaks, complete },
      ...{ rows: this.rows, composed: [], date: this.#date },
    });
    if (out) writeFileAtomic(out, `${JSON.stringify(doc, null, 2)}\n`);
    if (html) writeFileAtomic(html, benchReport(doc));
  }
}
