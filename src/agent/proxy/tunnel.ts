import { type IncomingMessage, STATUS_CODES } from 'node:http';
import { connect, type Socket } from 'node:net';
import { connectionTokens, headerValues } from './hop-by-hop.decide.ts';

/** Joins two connections until either ends. */
function join(client: Socket, component: Socket): void {
  client.on('error', () => component.destroy());
  component.on('error', () => client.destroy());
  client.on('close', () => component.destroy());
  component.on('close', () => client.destroy());
  client.pipe(component);
  component.pipe(client);
}

/** Hands a whole connection, HTTP/2 in clear text, to the component. */
export function tunnel(client: Socket, host: string, port: number): void {
  client.setNoDelay(true);
  join(client, connect({ host, port, noDelay: true }));
}

/** What both sides of an upgrade had already sent when it took effect. */
interface Upgraded {
  /** The component's agreement. */
  readonly answer: IncomingMessage;
  readonly component: Socket;
  readonly fromComponent: Buffer;
  readonly fromClient: Buffer;
}

/** Sends the client the component's agreement, and joins the connections. */
export function joinUpgraded(
  client: Socket,
  { answer, component, fromComponent, fromClient }: Upgraded,
): void {
  const { rawHeaders, statusCode = 101 } = answer;
  const lines = [`HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode] ?? ''}`];
  // Of the headers for this connection only those that make the upgrade go on.
  const listed = connectionTokens(headerValues(rawHeaders, 'connection'));
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    const lower = name.toLowerCase();
    if (lower !== 'upgrade' && lower !== 'connection' && listed.has(lower)) continue;
    lines.push(`${name}: ${rawHeaders[index + 1] ?? ''}`);
  }
  client.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  client.write(fromComponent);
  component.write(fromClient);
  component.setNoDelay(true);
  join(client, component);
}

/**
 * The same request without its Upgrade header, to be read again as plain HTTP/1.1. "Upgrade" may be ignored (RFC 9110
 * section 7.8). It is ignored for HTTP/2, which clients no longer begin that way, and for a request with a body, whose
 * end only HTTP defines.
 */
export function withoutUpgrade({
  method = 'GET',
  url = '/',
  httpVersion,
  rawHeaders,
}: IncomingMessage): string {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    const lower = name.toLowerCase();
    if (lower !== 'upgrade' && lower !== 'http2-settings')
      lines.push(`${name}: ${rawHeaders[index + 1] ?? ''}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}
