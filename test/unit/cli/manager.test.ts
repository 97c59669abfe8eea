import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { readManagerSettings } from '../../../src/cli/manager-settings.ts';
import { run } from '../../../src/cli/program.ts';

/** The output of `mms manager` for invalid flags and environment, and its exit code. */
async function refusal(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<{ code: number; lines: string[] }> {
  const stderr = new PassThrough();
  const io = { environment, stdin: new PassThrough(), stdout: new PassThrough(), stderr };
  const code = await run(['manager', ...args], { ...io, interruption: () => AbortSignal.abort() });
  return { code, lines: String(stderr.read()).trim().split('\n') };
}

describe('the settings of the manager', () => {
  it('reports all invalid settings together, each on a line, with exit code 2', async () => {
    const { code, lines } = await refusal(
      [
        '--webhook-port',
        '99999',
        '--agent-image',
        'Not An Image',
        '--kubeconfig',
        '/nowhere/config',
        '--local=maybe',
      ],
      {
        MMS_LOG_LEVEL: 'loud',
        POD_NAMESPACE: 'Not_A_Namespace',
        MMS_METRICS_PORT: '7000',
        MMS_HEALTH_PORT: '7000',
        MMS_PROPAGATE: 'yes',
        MMS_DRAIN_SECONDS: '-1',
        MMS_CERTIFICATE: 'letsencrypt',
        POD_NAME: 'a/b',
      },
    );
    expect(lines).toEqual([
      'mms: --local must be true or false, and is "maybe"',
      'mms: --webhook-port must be a port, 0 to 65535, and is "99999"',
      'mms: --agent-image must name an image, like registry.example/kserve-mms:0.1.0, and is "Not An Image"',
      'mms: MMS_CERTIFICATE must be one of self, external, and is "letsencrypt"',
      'mms: POD_NAMESPACE must be the name of a namespace: at most 63 lower case letters, digits and "-", and is "Not_A_Namespace"',
      'mms: POD_NAME must be at most 253 letters, digits, ".", "-" and "_", and is "a/b"',
      'mms: MMS_PROPAGATE must be true or false, and is "yes"',
      'mms: MMS_DRAIN_SECONDS must be a whole number, 0 to 600, and is "-1"',
      'mms: MMS_LOG_LEVEL must be one of debug, info, warn, error, and is "loud"',
      'mms: --metrics-port and --health-port are both 7000; give each a port of its own',
      expect.stringMatching(/^mms: cannot use the kubeconfig \/nowhere\/config: .+/),
    ]);
    expect(code).toBe(2);
  });

  it('must not contradict each other', async () => {
    const { code, lines } = await refusal([
      '--local',
      '--certificate',
      'external',
      '--kubeconfig',
      '/nowhere',
    ]);
    expect(lines).toEqual([
      'mms: --certificate external is for a manager in the cluster; leave it out with --local, or leave out --local',
      expect.stringContaining('/nowhere'),
    ]);
    expect(code).toBe(2);
  });

  const faultsOf = (flags: object): readonly string[] => readManagerSettings({ ...flags }, {}).faults;
  it.each([
    ['all three ports the same', { webhookPort: '1', metricsPort: '1', healthPort: '1' }, 1],
    ['a port that is the default of another', { metricsPort: '9443' }, 1],
    ['any free port for each', { webhookPort: '0', metricsPort: '0', healthPort: '0' }, 0],
    ['nothing', {}, 0],
  ])('%s: faults', (_what, flags, count) => {
    expect(faultsOf(flags)).toHaveLength(count);
  });

  it.each([
    ['the flag overrides the variable', { propagate: false }, { MMS_PROPAGATE: 'true' }, false],
    ['the variable overrides the default', {}, { MMS_PROPAGATE: 'false' }, false],
    ['an empty variable is ignored', {}, { MMS_PROPAGATE: '' }, true],
    ['a switch accepts a value', { propagate: 'false' }, {}, false],
  ])('%s', (_what, flags, environment, wanted) => {
    expect(readManagerSettings(flags, environment).values.propagate).toBe(wanted);
  });
});
