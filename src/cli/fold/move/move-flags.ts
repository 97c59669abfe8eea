import type { Command } from 'commander';
import { Option } from 'commander';
import { seconds } from '../../../lib/clock.ts';
import { timeoutOption } from '../../wait-flags.ts';

const TIMEOUT = seconds(600);
/** Flags that exclude a move. */
const OTHER_WORK = ['filename', 'write', 'plot', 'compare'] as const;

/** `--apply`, `--retire`, `--undo`, and their options. */
export function withMoveFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--apply',
        'move these InferenceServices: create what --write writes, compare the answers, and route their Services to the shared pods',
      ).conflicts([...OTHER_WORK, 'retire', 'undo']),
    )
    .option(
      '--requests <directory>',
      'with --apply: requests to compare the answers with, NAME.json for the model NAME',
    )
    .option('--skip-comparing', 'with --apply: move models without comparing their answers')
    .addOption(
      new Option(
        '--retire',
        'scale the Deployments of moved InferenceServices to zero; nothing is deleted',
      ).conflicts([...OTHER_WORK, 'undo']),
    )
    .addOption(
      new Option(
        '--undo',
        'route the Services back to the InferenceServices, and delete what --apply created',
      ).conflicts([...OTHER_WORK]),
    )
    .addOption(
      timeoutOption('with --apply, --retire and --undo: how long to wait without progress', TIMEOUT, '10m'),
    );
}
