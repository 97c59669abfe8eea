/**
 * Compiles a script wholly and writes what V8 made of it: `node compile-pack.mjs FILE OUTPUT`. To be run by the Node that
 * will run the script; OUTPUT gets the version and the architecture to its name. With `--hash-seed` and
 * `--random-seed`, which need not be the same later, the same FILE becomes the same OUTPUT, in any directory: the image is to
 * be reproducible.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';

const [file, output] = process.argv.slice(2);
// Functions too that are called later: compiling them one by one, as they are called, is most of a cold start.
setFlagsFromString('--no-lazy');
const script = new Script(readFileSync(file, 'latin1'), { filename: 'pack.js' });
// V8 refuses compiled code of a process with other flags; the seed of hashes is one of them, and 0 is what it is without.
setFlagsFromString('--lazy');
setFlagsFromString('--hash-seed=0');
writeFileSync(`${output}-${process.version}-${process.arch}.cache`, script.createCachedData());
