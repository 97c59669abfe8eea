/** What a request says of its path to here, each from the first header of that name. */
interface ForwardedFor {
  readonly for: string;
  readonly proto: string;
  readonly host: string;
}

/**
 * The value of a Forwarded header (RFC 7239) made from X-Forwarded-* headers. Undefined if there are none. KServe's
 * agent adds it for components that read only that one (Knative Serving v0.48, pkg/queue: ForwardedShimHandler).
 */
export function forwardedValue({ for: nodes, proto, host }: ForwardedFor): string | undefined {
  if (nodes === '' && proto === '' && host === '') return undefined;
  // A trailing comma has nothing after it.
  const [first = '', ...others] = nodes
    .replace(/,$/, '')
    .split(',')
    .map((node) => node.trim());
  const parts = [
    ...(nodes === '' ? [] : [`for=${quoted(first)}`]),
    ...(host === '' ? [] : [`host=${host}`]),
    ...(proto === '' ? [] : [`proto=${proto}`]),
  ];
  return [parts.join(';'), ...others.map((node) => `for=${quoted(node)}`)].join(', ');
}

/** An address with colons is an IPv6 address. */
function quoted(node: string): string {
  return node.includes(':') ? `"[${node}]"` : node;
}
