import { endOnBrokenPipe } from '../lib/broken-pipe.ts';
import { interruption } from '../lib/interruption.ts';
import { EXIT_OK, exitCodeOf } from './exit-code.ts';
import { newCommand } from './io.ts';
import { managerCommand } from './manager.ts';
import { packageVersion } from './version.ts';

// The entry point of the manager's own bundle, in dist/manager-bundle: `mms manager` alone, which starts in a fraction of
// the time of the whole command line.
endOnBrokenPipe();
const { env: environment, stdin, stdout, stderr } = process;
const io = { environment, stdin, stdout, stderr, interruption };
void exitCodeOf(io, async () => {
  await newCommand('mms', io)
    .version(packageVersion())
    .addCommand(managerCommand(io))
    .parseAsync(process.argv.slice(2), { from: 'user' });
  return EXIT_OK;
}).then((code) => process.exit(code));
