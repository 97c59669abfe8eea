import { Argument, type Command } from 'commander';
import { type CommandIo, newCommand } from '../io.ts';
import { completionScript, type Shell, SHELLS } from './scripts.ts';

/** `mms completion`: the script with which a shell completes commands, flags and names. */
export function completionCommand(io: CommandIo): Command {
  return newCommand('completion', io)
    .description('print what makes a shell complete the commands, flags and names of mms')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .addHelpText(
      'after',
      `
Names of InferenceServices and TrainedModels are asked of the cluster, where it answers within two seconds.
For \`kubectl mms\` nothing has to be printed: kubectl calls kubectl_complete-mms, when that is in the PATH.

Examples:
  eval "$(mms completion bash)"
  mms completion zsh > "\${fpath[1]}/_mms"
  mms completion fish > ~/.config/fish/completions/mms.fish`,
    )
    .action((shell: Shell) => void io.stdout.write(completionScript(shell)));
}
