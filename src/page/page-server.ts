import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Clock } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { readPageRequest } from './page-request.decide.ts';
import type { PageRequest } from './page-request.decide.ts';
import type { ApiClient } from '../kube/api-client.ts';
import type { ClusterView } from '../kube/cluster-view.ts';
import { createPageAgents } from './page-agents.ts';
import type { Precedence } from './page-facts.ts';
import { surroundingsReader } from './page-surroundings.ts';
import { startPlainServer } from '../lib/plain-server.ts';
import type { PlainServer } from '../lib/plain-server.ts';
import { createPageData } from './page-data.ts';
import type { PageData } from './page-data.ts';
import { pageBody, readPageFiles } from './page-files.ts';
import type { PageBody } from './page-files.ts';

/**
 * Only this server's own resources are run, shown or requested; no site may frame it, and scripts never treat text as
 * markup (Trusted Types).
 */
const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  // Cached, but revalidated each time.
  'Cache-Control': 'no-cache',
};

/** Only callers on the loopback may read it: see docs/page.md. */
const HOST = '127.0.0.1';

/**
 * The page that shows the state of this manager, on 127.0.0.1 only, which `kubectl port-forward` reaches.
 * @throws {PortUnavailableError}
 * @throws {PageMissingError}
 */
export async function startPageServer(options: {
  readonly port: number;
  readonly view: ClusterView;
  readonly client: Pick<ApiClient, 'list'>;
  /** Which controller's decision holds when memory is short. */
  readonly first: Precedence;
  readonly clock: Clock;
  readonly logger: Logger;
}): Promise<PlainServer> {
  const { port, view, client, first, clock } = options;
  const logger = options.logger.child({ part: 'page' });
  const files = await readPageFiles();
  const agents = createPageAgents(clock);
  const surroundings = surroundingsReader({ view, client, agents, clock });
  const data = createPageData({ view, clock, first, surroundings });
  const serve: RequestListener = (request, response) => {
    void answerRequest(request, files, data)
      .then((answer) => {
        if ('status' in answer) refuse(response, answer);
        else send(request, response, answer);
      })
      .catch((thrown: unknown) => {
        logger.error({ error: messageOf(thrown) }, 'the page could not be answered');
        refuse(response, {
          status: 500,
          message: 'this could not be answered; the log of the manager says why',
        });
      });
  };
  const started = await startPlainServer(serve, { port, host: HOST, flag: '--page-port', clock, logger });
  logger.info({ port: started.port }, `the page is at http://localhost:${started.port}/`);
  return {
    port: started.port,
    stop: async () => {
      await started.stop();
      await agents.close();
    },
  };
}

async function answerRequest(
  { method, url: target, headers }: IncomingMessage,
  files: ReadonlyMap<string, PageBody>,
  data: PageData,
): Promise<PageBody | Refusal> {
  return answerTo(readPageRequest({ method, target, host: headers.host }), files, data);
}

/** Not the requested document. */
interface Refusal {
  readonly status: number;
  readonly message: string;
}

async function answerTo(
  asked: PageRequest,
  files: ReadonlyMap<string, PageBody>,
  data: PageData,
): Promise<PageBody | Refusal> {
  switch (asked.kind) {
    case 'refused':
      return asked;
    case 'file':
      return files.get(asked.path) ?? { status: 404, message: 'nothing here' };
    case 'services':
      return json(data.services(asked));
    case 'service':
      return json(await data.service(asked));
    case 'model':
      return json(await data.model(asked));
  }
}

function json(document: object): PageBody {
  return pageBody('application/json', Buffer.from(JSON.stringify(document)));
}

/** Sends a body only if the browser does not have it already. Node omits the body of an answer to HEAD. */
function send(request: IncomingMessage, response: ServerResponse, { type, content, etag }: PageBody): void {
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, { ...HEADERS, ETag: etag }).end();
    return;
  }
  const headers = { ...HEADERS, 'Content-Type': type, 'Content-Length': content.length, ETag: etag };
  response.writeHead(200, headers).end(content);
}

function refuse(response: ServerResponse, { status, message }: Refusal): void {
  const headers = { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8' };
  response
    .writeHead(status, status === 405 ? { ...headers, Allow: 'GET, HEAD' } : headers)
    .end(`${message}\n`);
}
