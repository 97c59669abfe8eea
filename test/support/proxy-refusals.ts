/** The texts in the table of docs/agent-inside.md about requests that KServe's agent passes on and ours refuses. */
export const TOLD = {
  lengths:
    'both `Content-Length` and `Transfer-Encoding`; either of them in HTTP/1.0 with `Transfer-Encoding`; two `Content-Length`, be they equal',
  folded: 'folded header lines',
  lines: 'lines that end with LF alone, blanks after the size of a chunk',
  trailers: 'a `Content-Length`, `Transfer-Encoding` or the like among the trailers',
  methods: "methods that Node's parser does not know, or in small letters; `CONNECT`",
  bytes: 'bytes above 127 in a target',
  targets:
    'an absolute target of a scheme that is not letters alone, a target that is neither a path nor a URL (`a:b`, `*` but with `OPTIONS`)',
  versions: 'HTTP/1.2 and above',
  headers: 'more than 10,000 headers',
} as const;
