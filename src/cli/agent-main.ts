import { CommanderError } from 'commander';
import { messageOf } from '../core/errors.ts';
import { SettingsError } from '../core/settings-error.ts';
import { interruption } from '../system/interruption.ts';
import { agentCommand } from './agent.ts';

// The entry point of the agent's own bundle, dist/agent.js: the sidecar alone, without what the other commands need.
process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  const { env: environment, stdin, stdout, stderr } = process;
  try {
    const io = { environment, stdin, stdout, stderr, interruption };
    const files = {
      pullerEntry: new URL('./agent-puller.js', import.meta.url),
      packageJson: new URL('../package.json', import.meta.url),
    };
    await agentCommand(io, files).parseAsync(args, { from: 'user' });
    return 0;
  } catch (thrown) {
    // commander has said what was wrong with the command line.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
    const isUsage = thrown instanceof SettingsError;
    for (const line of isUsage ? thrown.faults : [messageOf(thrown)]) stderr.write(`agent: ${line}\n`);
    return isUsage ? 2 : 1;
  }
}
