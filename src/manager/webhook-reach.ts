import { milliseconds, seconds } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import { baseUrlOf } from '../contract/webhook-configuration.ts';
import type { WebhookConfiguration } from '../contract/webhook-configuration.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { hasReadyEndpoint } from '../kube/ready-endpoints.ts';
import { answersTls } from '../certificates/tls-probe.ts';

type Reach = { readonly reached: true } | { readonly reached: false; readonly why: string };

const ASK_TIMEOUT = seconds(5);
const HANDSHAKE = milliseconds(1000);
const ANSWER_BYTES = 4096;
/** https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/mutating-webhook-configuration-v1/ */
const DEFAULT_PORT = 443;

/**
 * Whether an API server reaches a ready replica at the address of the webhook. The API server itself sends the request,
 * through its proxy, so that a firewall between API servers and pods is found before it causes pods to be refused.
 * @param wantsClientCertificate the proxy has no client certificate and would be refused; ready endpoints must do
 */
export async function webhookReach(
  client: ApiClient,
  configuration: WebhookConfiguration,
  wantsClientCertificate: boolean,
): Promise<Reach> {
  const url = baseUrlOf(configuration);
  if (url !== undefined) {
    const reached = await answersTls(url, HANDSHAKE);
    return reached ? { reached } : { reached, why: `nothing serves at ${url}` };
  }
  const { service } = configuration.webhooks?.[0]?.clientConfig ?? {};
  if (service === undefined) return { reached: false, why: 'the webhook configuration names no address' };
  const { namespace, name, port = DEFAULT_PORT } = service;
  const what = `Service ${namespace}/${name}`;
  try {
    if (wantsClientCertificate) {
      const reached = await hasReadyEndpoint(client, service, { timeout: ASK_TIMEOUT });
      return reached ? { reached } : { reached, why: `${what} has no ready endpoint` };
    }
    // Any answer to a GET will do; only that there is one matters.
    const request = { namespace, service: name, port, path: '/', maxBytes: ANSWER_BYTES };
    await client.askService(request, { timeout: ASK_TIMEOUT });
    return { reached: true };
  } catch (thrown) {
    return { reached: false, why: `the API server does not reach ${what}: ${messageOf(thrown)}` };
  }
}
