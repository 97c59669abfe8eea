import { type IncomingMessage, STATUS_CODES } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { endToEndHeaders, headerValue } from '../../core/hop-by-hop.ts';

/** How every HTTP/2 connection without TLS begins, where both sides know beforehand: RFC 9113 section 3.4. */
export const H2C_PREFACE = 'PRI * HTTP/2.0\r\n';

/** Joins two connections until either ends. */
export function join(client: Duplex, component: Socket): void {
  client.on('error', () => component.destroy());
  component.on('error', () => client.destroy());
  client.on('close', () => component.destroy());
  component.on('close', () => client.destroy());
  client.pipe(component);
  component.pipe(client);
}

/** Hands a whole connection, HTTP/2 in clear text, to the component. */
export function tunnel(client: Socket, host: string, port: number): Socket {
  client.setNoDelay(true);
  const component = connect({ host, port, noDelay: true });
  join(client, component);
  return component;
}

/**
 * Forwards a request to upgrade (WebSocket) and joins the connections. The component's own answer, agreement or not,
 * goes back as it is.
 */
export function upgrade(
  incoming: IncomingMessage,
  client: Duplex,
  head: Buffer,
  host: string,
  port: number,
): void {
  const component = connect({ host, port, noDelay: true });
  let connected = false;
  component.on('connect', () => {
    connected = true;
    component.write(requestText(incoming));
    if (head.length > 0) component.write(head);
    join(client, component);
  });
  component.on('error', (error: NodeJS.ErrnoException) => {
    if (connected) return;
    const body = JSON.stringify({
      error: `the component at port ${port} does not answer: ${error.code ?? ''}`,
    });
    client.end(
      `HTTP/1.1 502 ${STATUS_CODES[502] ?? ''}\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  });
  client.on('error', () => component.destroy());
}

function requestText(incoming: IncomingMessage): string {
  const headers = endToEndHeaders(incoming.rawHeaders);
  const lines = [`${incoming.method ?? 'GET'} ${incoming.url ?? '/'} HTTP/1.1`];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    lines.push(`${headers[index] ?? ''}: ${headers[index + 1] ?? ''}`);
  }
  lines.push('Connection: Upgrade', `Upgrade: ${headerValue(incoming.rawHeaders, 'upgrade') ?? ''}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}
