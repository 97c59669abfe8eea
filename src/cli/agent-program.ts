import type { ChildProcess } from 'node:child_process';
import { CommanderError } from 'commander';
import { AgentOptionsError } from '../agent/options.ts';
import { messageOf } from '../core/errors.ts';
import { interruption } from '../system/interruption.ts';
import { agentCommand } from './agent.ts';

/** Runs the agent's command line as a program of its own; resolves with its exit code. */
export async function runAgentProgram(
  args: readonly string[],
  spawnPuller: () => ChildProcess,
): Promise<number> {
  const { env: environment, stdin, stdout, stderr } = process;
  try {
    const io = { environment, stdin, stdout, stderr, interruption };
    await agentCommand(io, spawnPuller).parseAsync(args, { from: 'user' });
    return 0;
  } catch (thrown) {
    // commander has said what was wrong with the command line.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
    stderr.write(`agent: ${messageOf(thrown)}\n`);
    return thrown instanceof AgentOptionsError ? 2 : 1;
  }
}
