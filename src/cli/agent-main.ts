import { CommanderError } from 'commander';
import { AgentOptionsError } from '../agent/options.ts';
import { messageOf } from '../core/errors.ts';
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
    stderr.write(`agent: ${messageOf(thrown)}\n`);
    return thrown instanceof AgentOptionsError ? 2 : 1;
  }
}
