import type { KernelOptions } from '../../../src/bench/user-kernel.js';
import { recall, remember } from '../remember.js';
import type { Sources } from './protocol.js';

/** One source of a kernel as the user typed it. */
export interface Part {
  code: string;
  workgroups: string;
  entry: string;
  params: string;
  constants: string;
}

/** A kernel as the user typed it. The browser stores one for every op. */
export interface Draft {
  parts: Part[];
  /** Our variant whose launch it copies; empty for none. */
  like: string;
  scratch: string;
  require: string;
}

const part = (code: string): Part => ({ code, workgroups: '', entry: '', params: '', constants: '' });

export const emptyPart = () => part('');

/** A draft that begins with one of our variants. */
export function draftOf(sources: Sources, variant: string): Draft {
  return { parts: sources.map((s) => part(s.code)), like: variant, scratch: '', require: '' };
}

/** The last draft for an op, if it can be read. */
export function recallDraft(op: string): Draft | undefined {
  const found = recall<Partial<Draft> | undefined>(`kernels draft ${op}`, undefined);
  if (!Array.isArray(found?.parts) || !found.parts.length) return undefined;
  const text = (v: unknown) => (typeof v === 'string' ? v : '');
  return {
    parts: found.parts.map((p: Partial<Part>) => ({
      ...{ code: text(p.code), workgroups: text(p.workgroups), entry: text(p.entry) },
      ...{ params: text(p.params), constants: text(p.constants) },
    })),
    ...{ like: text(found.like), scratch: text(found.scratch), require: text(found.require) },
  };
}

export const rememberDraft = (op: string, draft: Draft) => remember(`kernels draft ${op}`, draft);

/** The name of a draft's source in tables and errors. */
export const partName = (i: number, count: number) => (count > 1 ? `part ${i + 1}` : 'yours');

/** A draft as options of the library; empty fields are absent. */
export function kernelOf(op: string, { parts, like, scratch, require }: Draft): KernelOptions {
  const given = (text: string) => text.trim() || undefined;
  return {
    op,
    sources: parts.map((p, i) => ({
      ...{ name: partName(i, parts.length), code: p.code, entry: given(p.entry) },
      ...{ workgroups: given(p.workgroups), params: given(p.params), constants: given(p.constants) },
    })),
    ...{ like: given(like), scratch: given(scratch), require: given(require) },
  };
}
