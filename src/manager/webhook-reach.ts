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
 * Whether an API server reaches a ready replica where it would call the webhook. It is asked to send a request there itself,
 * by its proxy: so a firewall between API servers and pods is found out before a pod is refused for it.
 *
 * @param wantsClientCertificate then the proxy, which has none, would be turned away; ready endpoints have to do
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
    // Whatever the replica says to a GET: that it says something is what is asked.
    const request = { namespace, service: name, port, path: '/', maxBytes: ANSWER_BYTES };
    await client.askService(request, { timeout: ASK_TIMEOUT });
    return { reached: true };
  } catch (thrown) {
    return { reached: false, why: `the API server does not reach ${what}: ${messageOf(thrown)}` };
  }
}
