/** The parts of the output of `mms fold -o json` that the tests use. */
export interface FoldDocument {
  readonly version: string;
  readonly groups: readonly {
    readonly name: string;
    readonly runtime: string;
    readonly protocol: 'v1' | 'v2';
    readonly before: object;
    readonly after: object;
    readonly models: readonly { readonly name: string; readonly memory: number; readonly memoryIs: string }[];
  }[];
  readonly alone: readonly { readonly name: string; readonly code: string; readonly reason: string }[];
  readonly assumptions: readonly string[];
  readonly total: { readonly before: { readonly pods: number }; readonly after: { readonly pods: number } };
}
