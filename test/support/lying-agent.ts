import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * A program: the status server of a tenant's lying pods. Every third connection invents models at once, one by one, or
 * reports all existing ones with its own messages, repeatedly. Its arguments are the names of the existing models,
 * joined by commas, and the number of models to invent; it prints its port. Sending uses a whole processor, so it
 * needs a separate process.
 */
const [existing = '', count = '0'] = process.argv.slice(2);

const model = (name: string, message: string): object => ({
  ...{ name, phase: 'Failed', specHash: null, reason: 'Bad', message },
});
const snapshot = (models: object[]): string =>
  `${JSON.stringify({
    ...{ type: 'SNAPSHOT', sequence: 1 },
    status: { version: 'kserve-mms/agent-status.v1', instance: 'i', sequence: 1, models },
  })}\n`;
const event = (name: string, message: string): string =>
  `${JSON.stringify({ type: 'MODEL', sequence: 1, model: model(name, message) })}\n`;

const invented = Array.from({ length: Number(count) }, (_, index) => `invented-${index}`);
const atOnce = Buffer.from(snapshot(invented.map((name) => model(name, 'x'.repeat(300)))));
const oneByOne = Buffer.from(snapshot([]) + invented.map((name) => event(name, 'x'.repeat(400))).join(''));
const none = Buffer.from(snapshot([]));
const rounds = ['one', 'two'].map((round) =>
  Buffer.from(
    existing
      .split(',')
      .map((name) => event(name, `${round} ${'ü'.repeat(380)}`))
      .join(''),
  ),
);

let connections = 0;
const server = createServer((_request, response) => {
  const which = connections++;
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  if (which % 3 === 0) response.write(atOnce);
  else if (which % 3 === 1) response.write(oneByOne);
  else tellForEver(response);
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});

function tellForEver(response: ServerResponse): void {
  let round = 0;
  const more = (): void => {
    if (response.destroyed) return;
    const wrote = response.write(rounds[round++ % rounds.length]);
    if (wrote) setTimeout(more, 200);
    else response.once('drain', more);
  };
  response.write(none);
  more();
}
