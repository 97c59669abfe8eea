import type { ApiClient } from '../../kube/api-client.ts';
import type { Clock, Random } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';

/** What a node of this machine needs. */
export interface LocalNodeOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** For volumes and logs of pods. */
  readonly directory: string;
  /** For files with the numbers of its processes. */
  readonly pidDirectory: string;
  /** The program mlserver: every model server is one, whatever its image. */
  readonly mlserver: string;
  /** Where agents listen: API servers pass no requests on to the loopback. Source: k8s.io/apimachinery, IsProxyableIP. */
  readonly address: string;
  /** The launcher, bin/mms.js. */
  readonly launcher: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly say: (line: string) => void;
}
