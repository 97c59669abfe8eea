import { describe, expect, it } from '@jest/globals';
import { PassThrough } from 'node:stream';
import { CommanderError } from 'commander';
import { AgentOptionsError, checkAgentOptions, FLAG_DEFAULTS } from '../../../../src/agent/options.ts';
import { agentCommand } from '../../../../src/cli/agent/agent.ts';

/** The stderr output of the command for invalid arguments. */
async function refusal(args: readonly string[]): Promise<string> {
  const stderr = new PassThrough();
  const io = { environment: {}, stdin: new PassThrough(), stdout: new PassThrough(), stderr };
  const command = agentCommand({ ...io, interruption: () => AbortSignal.abort() });
  const thrown = await command.parseAsync(args, { from: 'user' }).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(CommanderError);
  return String(stderr.read());
}

describe('the address on which the agent listens', () => {
  it('is every address by default, or the given one', () => {
    expect(checkAgentOptions(FLAG_DEFAULTS).host).toBeUndefined();
    expect(checkAgentOptions({ ...FLAG_DEFAULTS, host: '127.0.0.1' }).host).toBe('127.0.0.1');
    expect(checkAgentOptions({ ...FLAG_DEFAULTS, host: '::1' }).host).toBe('::1');
    expect(() => checkAgentOptions({ ...FLAG_DEFAULTS, host: 'localhost' })).toThrow(
      /--host "localhost" is not an IP address/,
    );
  });
});

describe('mms agent', () => {
  it.each([
    [['--enable-batcher=yes'], /true or false/],
    [['--logger-tls-skip-verify=yes'], /true or false/],
    [['--log-ulr', 'http://x'], /--log-url/],
    [['--enable-puler'], /--enable-puller/],
    [['--config-dri', '/x'], /--config-dir/],
    [['--enable-puller=yes'], /true or false/],
    [['--component-port'], /argument missing/],
    [['stray'], /too many arguments/],
  ])('rejects %j with one line', async (args, words) => {
    expect((await refusal(args)).trim()).toMatch(words);
  });

  it('reports all invalid values at once', () => {
    const flags = {
      ...FLAG_DEFAULTS,
      componentPort: '99999',
      port: 'x',
      configDir: 'relative',
      modelServerUrl: 'ftp://h',
    };
    expect(() => checkAgentOptions(flags)).toThrow(AgentOptionsError);
    try {
      checkAgentOptions(flags);
    } catch (thrown) {
      expect((thrown as AgentOptionsError).faults).toHaveLength(4);
    }
  });

  it('waits for a source as long as --source-timeout-seconds says', () => {
    const waits = (more: object) =>
      checkAgentOptions({ ...FLAG_DEFAULTS, ...more }).sources.noProgressTimeoutMs;
    expect(waits({})).toBe(120_000);
    expect(waits({ sourceTimeoutSeconds: '900' })).toBe(900_000);
    for (const text of ['0', '86401', '-1', '1.5', '2m', '']) {
      expect(() => waits({ sourceTimeoutSeconds: text })).toThrow(/--source-timeout-seconds .* 1 to 86400/);
    }
  });

  it('rejects its own port as the component port', () => {
    expect(() => checkAgentOptions({ ...FLAG_DEFAULTS, componentPort: '9081' })).toThrow(/forward to itself/);
  });

  it("connects to the model server on the component port, and on the port that KServe's agent uses", () => {
    const places = (more: object) =>
      checkAgentOptions({ ...FLAG_DEFAULTS, ...more }).modelServerUrls.map(({ host }) => host);
    expect(places({})).toEqual(['127.0.0.1:8080']);
    expect(places({ componentPort: '8090' })).toEqual(['127.0.0.1:8090', '127.0.0.1:8080']);
    expect(places({ componentPort: '8090', modelServerUrl: 'http://localhost:9000' })).toEqual([
      'localhost:9000',
    ]);
  });
});
