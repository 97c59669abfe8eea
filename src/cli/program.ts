import { Help } from 'commander';
import type { Command, Option } from 'commander';
import { EXIT_OK, EXIT_USAGE, exitCodeOf } from './exit-code.ts';
import { globalFlagsBehind, lacksCommand } from './global-flags.ts';
import { newCommand } from './io.ts';
import type { CommandIo } from './io.ts';
import { packageVersion } from './version.ts';

/** What the scripts of `mms completion` call with the words so far. No command, since its arguments are not to be parsed. */
const COMPLETE = '__complete';

/** The headings of `mms --help`. */
const GROUPS = {
  models: 'Models:',
  cluster: 'The installation:',
  files: 'Files, without a cluster:',
  try: 'Trying it out on this machine:',
  run: 'What runs in the cluster:',
  shell: 'The command line:',
} as const;

/** A command of `mms`, whose module is loaded only when it is called for. */
interface CommandEntry {
  readonly name: string;
  readonly group: (typeof GROUPS)[keyof typeof GROUPS];
  readonly aliases?: readonly string[];
  /** Its line in `mms --help`. */
  readonly summary: string;
  readonly load: () => Promise<(io: CommandIo) => Command>;
}

const EXAMPLES = `
Flags may stand before the command or behind it.

Examples:
  mms -n flowers status
  mms explain tm/tulip
  mms load tulip -i flowers -u s3://models/tulip --framework sklearn --memory 100Mi

docs/cli.md of the repository shows each command with its output; mms COMMAND --help has all flags.`;

/** Every command of `mms`; a new one is a function `(io) => Command` in a file of its own, added to this list. */
const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'agent',
    group: GROUPS.run,
    summary: "run the sidecar, with the flags of KServe's own",
    load: async () => (await import('./agent/agent.ts')).agentCommand,
  },
  {
    name: 'analyze',
    group: GROUPS.files,
    summary: 'look through files of InferenceServices and TrainedModels for what would not work',
    load: async () => (await import('./analyze/analyze.ts')).analyzeCommand,
  },
  {
    name: 'check',
    group: GROUPS.cluster,
    summary: 'check the installation, or whether the cluster can have one',
    load: async () => (await import('./check/check.ts')).checkCommand,
  },
  {
    name: 'cluster',
    group: GROUPS.try,
    summary: 'start and stop a real etcd and kube-apiserver on this machine, for trying out',
    load: async () => (await import('./cluster/cluster.ts')).clusterCommand,
  },
  {
    name: 'completion',
    group: GROUPS.shell,
    summary: 'print what makes a shell complete commands, flags and names',
    load: async () => (await import('./completion/completion.ts')).completionCommand,
  },
  {
    name: 'demo',
    group: GROUPS.try,
    summary: 'show the whole system at work on a control plane of its own',
    load: async () => (await import('./demo.ts')).demoCommand,
  },
  {
    name: 'diagnostics',
    group: GROUPS.cluster,
    aliases: ['bug-report'],
    summary: 'collect what others need to help you into one archive, without secrets',
    load: async () => (await import('./diagnostics/diagnostics.ts')).diagnosticsCommand,
  },
  {
    name: 'explain',
    group: GROUPS.models,
    summary: 'say why a model is not loaded or a pod not injected: the first broken link of the chain',
    load: async () => (await import('./explain/explain.ts')).explainCommand,
  },
  {
    name: 'fold',
    group: GROUPS.models,
    summary: 'show which InferenceServices could share pods, what that saves, and write what they become',
    load: async () => (await import('./fold/fold.ts')).foldCommand,
  },
  {
    name: 'infer',
    group: GROUPS.models,
    summary: 'send one request to a model and print its answer',
    load: async () => (await import('./infer/infer.ts')).inferCommand,
  },
  {
    name: 'inject',
    group: GROUPS.files,
    summary: 'show what the webhook would make of a pod, and why, without a cluster',
    load: async () => (await import('./inject.ts')).injectCommand,
  },
  {
    name: 'load',
    group: GROUPS.models,
    summary: 'load a model, and wait until it is Ready',
    load: async () => (await import('./load/load.ts')).loadCommand,
  },
  {
    name: 'manager',
    group: GROUPS.run,
    summary: 'run the webhook and the reconciler',
    load: async () => (await import('./manager.ts')).managerCommand,
  },
  {
    name: 'status',
    group: GROUPS.models,
    summary: 'show InferenceServices and their models, and what is loaded where',
    load: async () => (await import('./status/status.ts')).statusCommand,
  },
  {
    name: 'top',
    group: GROUPS.models,
    summary: 'show models by memory, requests and latency',
    load: async () => (await import('./top/top.ts')).topCommand,
  },
  {
    name: 'unload',
    group: GROUPS.models,
    summary: 'unload a model, and wait until no replica has it',
    load: async () => (await import('./load/unload.ts')).unloadCommand,
  },
  {
    name: 'version',
    group: GROUPS.cluster,
    summary: 'say which version this is, and what the cluster runs',
    load: async () => (await import('./version-command.ts')).versionCommand,
  },
];

/**
 * The command line. Commands that are not needed have only their name and summary: what they import would take
 * longer to load than the one that was called takes to answer.
 *
 * @param isNeeded by the name in the list; without it all are loaded
 */
export async function createProgram(
  io: CommandIo,
  isNeeded: (name: string) => boolean = () => true,
): Promise<Command> {
  const program = newCommand('mms', io)
    .description('Multi-model serving for KServe')
    .version(packageVersion())
    .showHelpAfterError('(run mms --help for what there is)')
    .commandsGroup(GROUPS.shell)
    .helpCommand('help [command]', 'show the help of a command')
    .configureHelp({ groupItems: inOrderOfGroups })
    .addHelpText('after', EXAMPLES);
  for (const entry of COMMANDS) program.addCommand(await commandOf(entry, io, isNeeded));
  return program;
}

/** Headings as {@link GROUPS} has them, behind those that commander gives to options. */
function inOrderOfGroups<T extends Command | Option>(
  all: T[],
  visible: T[],
  groupOf: (item: T) => string,
): Map<string, T[]> {
  const order: readonly string[] = Object.values(GROUPS);
  const groups = [...new Help().groupItems(all, visible, groupOf)];
  return new Map(groups.sort(([a], [b]) => order.indexOf(a) - order.indexOf(b)));
}

async function commandOf(
  { name, group, aliases = [], summary, load }: CommandEntry,
  io: CommandIo,
  isNeeded: (name: string) => boolean,
): Promise<Command> {
  const command = [name, ...aliases].some(isNeeded) ? (await load())(io) : newCommand(name, io);
  return command.summary(summary).aliases(aliases).helpGroup(group);
}

/** The first words of a command line that are no flags: `inject`, or `help inject`. No flag of `mms` itself takes a value. */
function isNamedIn(args: readonly string[]): (name: string) => boolean {
  const [first, second] = args.filter((arg) => !arg.startsWith('-'));
  return (name) => name === (first === 'help' ? second : first);
}

/**
 * Runs one command line (without node and script) and resolves with the exit code: 0 done, 1 failed, 2 not a
 * command line that makes sense. It never rejects.
 */
export function run(args: readonly string[], io: CommandIo): Promise<number> {
  return exitCodeOf(io, async () => {
    if (args[0] === COMPLETE) return completeWords(args.slice(1), io);
    if (lacksCommand(args, isCommand)) return refuseWithoutCommand(args, io);
    const words = globalFlagsBehind(args, isCommand);
    const program = await createProgram(io, isNamedIn(words));
    await program.parseAsync(words, { from: 'user' });
    return EXIT_OK;
  });
}

function isCommand(word: string): boolean {
  return word === 'help' || COMMANDS.some(({ name, aliases = [] }) => [name, ...aliases].includes(word));
}

function refuseWithoutCommand(args: readonly string[], io: CommandIo): number {
  io.stderr.write(
    `error: there is no command behind ${args.join(' ')}\n(run mms --help for what there is)\n`,
  );
  return EXIT_USAGE;
}

async function completeWords(typed: readonly string[], io: CommandIo): Promise<number> {
  const { printCompletion } = await import('./completion/complete.ts');
  // The last word is the one to complete, be it the command.
  const words = [...globalFlagsBehind(typed.slice(0, -1), isCommand), ...typed.slice(-1)];
  const [first] = words;
  await printCompletion(await createProgram(io, (name) => name === first), words, io);
  return EXIT_OK;
}
