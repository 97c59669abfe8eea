import { Agent, request } from 'undici';
import { shortened } from '../contract/cause-text.ts';
import { readMetrics } from '../lib/metrics-text.ts';
import { AGENT_METRICS } from '../contract/residency-figures.ts';
import { agentStatusAddress } from '../contract/watched-pod.ts';
import type { WatchedPod } from '../contract/watched-pod.ts';
import { seconds } from '../lib/clock.ts';
import type { Clock } from '../lib/clock.ts';
import { startDeadline } from '../lib/deadline.ts';
import { messageOf } from '../lib/errors.ts';
import type { AgentReading } from './page-replica.decide.ts';

/** Reads the metrics of agents. */
export interface PageAgents {
  /**
   * Never rejects: a failure is in the result.
   * @param most bytes of its answer
   */
  read(pod: WatchedPod, most: number): Promise<AgentReading>;
  close(): Promise<void>;
}

const ANSWER_WITHIN = seconds(2);

/** Reads each pod at its own address, as the manager's status followers do. */
export function createPageAgents(clock: Clock): PageAgents {
  const connections = new Agent({ connect: { timeout: ANSWER_WITHIN }, maxHeaderSize: 16 * 1024 });

  async function metricsOf(address: string, most: number): Promise<string> {
    const deadline = startDeadline(clock, ANSWER_WITHIN);
    try {
      const { statusCode, body } = await request(`http://${address}/metrics`, {
        dispatcher: connections,
        signal: deadline.signal,
      });
      const text = await boundedText(body, most);
      if (statusCode !== 200) throw new Error(`its agent answered ${statusCode}`);
      return text;
    } catch (thrown) {
      throw deadline.expired ? new Error('its agent has not answered in time') : thrown;
    } finally {
      deadline.clear();
    }
  }

  return {
    async read(pod, most) {
      const shared = { pod: pod.metadata.name, ready: pod.ready };
      const address = agentStatusAddress(pod);
      if (address === undefined) return { ...shared, silent: 'it does not run yet', samples: [] };
      try {
        return { ...shared, silent: '', samples: readMetrics(await metricsOf(address, most), AGENT_METRICS) };
      } catch (thrown) {
        return { ...shared, silent: shortened(messageOf(thrown), 120), samples: [] };
      }
    },
    close: () => connections.destroy(),
  };
}

async function boundedText(body: AsyncIterable<Uint8Array>, most: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > most) throw new Error('its metrics are too large for this page; see mms top');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
