/** What `mpi.ts` uses of koffi, an optional dependency. With these declarations, the project compiles without it. */
declare module 'koffi' {
  export interface NativeFunction {
    (...args: unknown[]): unknown;
    /** Calls the function in another thread. The last argument is a callback that receives an error or the result. */
    async(...args: unknown[]): void;
  }

  export interface Library {
    func(name: string, result: string, args: readonly string[]): NativeFunction;
    /** The address of a variable. */
    symbol(name: string): bigint;
  }

  const koffi: { load(path: string, options?: { readonly global?: boolean }): Library };
  export default koffi;
}
