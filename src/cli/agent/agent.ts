import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { type Command, CommanderError, Option } from 'commander';
import { type AgentFlags, checkAgentOptions, FLAG_DEFAULTS } from '../../agent/options.ts';
import { spawnPuller } from '../../agent/puller/spawn-puller.ts';
import { batcherOptions, booleanOf, loggerOptions } from './agent-kserve-flags.ts';
import { residencyOptions } from './agent-residency-flags.ts';
import { type CommandIo, newCommand } from '../io.ts';
import { packageVersion } from '../version.ts';
import { moduleFile, packageFile } from '../../lib/package-files.ts';

/** What the agent needs from where it lies. */
export interface AgentParts {
  /** Gives the process that pulls. */
  readonly spawnPuller: () => ChildProcess;
  /** What the thread of the request logger runs. */
  readonly logThread: URL;
  readonly packageJson: URL;
}

/**
 * `mms agent`: the sidecar, called with the flags of KServe's own agent and some more.
 * @param parts a bundle passes its own.
 */
export function agentCommand(
  io: CommandIo,
  parts: AgentParts = {
    spawnPuller: () => spawnPuller(moduleFile('agent/puller/puller-main'), io.environment),
    logThread: moduleFile('agent/logger/log-thread-main'),
    packageJson: packageFile('package.json'),
  },
): Command {
  const command = newCommand('agent', io)
    .description('run the sidecar: fetch and load the models of models.json, and forward requests to them')
    .addOption(
      new Option('--enable-puller [true|false]', 'fetch and load models')
        .preset('true')
        .default(FLAG_DEFAULTS.enablePuller)
        .argParser(booleanOf),
    )
    .option('--config-dir <directory>', 'where models.json is mounted', FLAG_DEFAULTS.configDir)
    .option('--model-dir <directory>', 'where models are kept', FLAG_DEFAULTS.modelDir)
    .option('--component-port <port>', 'where requests are forwarded to', FLAG_DEFAULTS.componentPort)
    .option('--port <port>', 'where requests and readiness probes arrive', FLAG_DEFAULTS.port)
    .option('--host <address>', 'where both ports listen (default: every address of the pod)')
    .option('--status-port <port>', 'where status and metrics are served', FLAG_DEFAULTS.statusPort)
    .option('--model-server-url <url>', 'the model server, when it is not behind --component-port')
    .option('--downloads <number>', 'models downloaded at once', FLAG_DEFAULTS.downloads)
    .option('--loads <number>', 'models loaded at once', FLAG_DEFAULTS.loads)
    .option(
      '--source-timeout-seconds <number>',
      'how long a source may send nothing before it is asked again',
      FLAG_DEFAULTS.sourceTimeoutSeconds,
    )
    .option(
      '--drain-seconds <number>',
      'how long requests may go on after SIGTERM',
      FLAG_DEFAULTS.drainSeconds,
    )
    .option('--pvc-root <directory>', 'pvc://CLAIM/path is <directory>/CLAIM/path', FLAG_DEFAULTS.pvcRoot)
    .option('--file-root <directory...>', 'file:///path may lead below these', [...FLAG_DEFAULTS.fileRoot])
    .option('--deny-network <cidr...>', 'where storageUri may not lead either', [
      ...FLAG_DEFAULTS.denyNetwork,
    ])
    .option('-V, --version', 'output the version number')
    // Not by commander's own version(), which wants the number, and so the file, at each start.
    .on('option:version', () => {
      io.stdout.write(`${packageVersion(parts.packageJson)}\n`);
      throw new CommanderError(0, 'commander.version', 'the version was asked for');
    })
    .showSuggestionAfterError();
  // A flag that KServe's agent takes and does nothing with.
  command.addOption(new Option('--probe-period <duration>').hideHelp());
  for (const option of [...loggerOptions(), ...batcherOptions(), ...residencyOptions()])
    command.addOption(option);
  return command.action(async (flags: AgentFlags) => {
    const options = checkAgentOptions(flags);
    // Loaded here, so that other commands do not pay for it.
    const { runAgentProcess } = await import('./agent-process.ts');
    const { environment, stdout } = io;
    const signal = io.interruption();
    const { spawnPuller: spawn, logThread } = parts;
    const start = { instance: randomUUID(), spawnPuller: spawn, logThread };
    await runAgentProcess({ options, environment, signal, stdout, ...start });
  });
}
