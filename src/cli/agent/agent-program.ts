import { CommanderError } from 'commander';
import { messageOf } from '../../lib/errors.ts';
import { SettingsError } from '../../lib/settings-error.ts';
import { interruption } from '../../lib/interruption.ts';
import { agentCommand } from './agent.ts';
import type { AgentParts } from './agent.ts';

/** Runs the agent's command line as a program of its own; resolves with its exit code. */
export async function runAgentProgram(args: readonly string[], parts: AgentParts): Promise<number> {
  const { env: environment, stdin, stdout, stderr } = process;
  try {
    const io = { environment, stdin, stdout, stderr, interruption };
    await agentCommand(io, parts).parseAsync(args, { from: 'user' });
    return 0;
  } catch (thrown) {
    // commander has said what was wrong with the command line.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
    const isUsage = thrown instanceof SettingsError;
    for (const line of isUsage ? thrown.faults : [messageOf(thrown)]) stderr.write(`agent: ${line}\n`);
    return isUsage ? 2 : 1;
  }
}
