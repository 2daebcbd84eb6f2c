/** A call that the build replaces by the modules whose paths match, keyed by path (see `scripts/plugins.mjs`). */
interface ImportMeta {
  glob<T>(pattern: string, options: { eager: true }): Record<string, T>;
}
