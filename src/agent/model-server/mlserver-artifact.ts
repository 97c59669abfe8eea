import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord } from '../../lib/json.ts';
import {
  type FoundSettings,
  MLSERVER_SETTINGS_FILE,
  mlserverSettingsFor,
} from './mlserver-settings.decide.ts';
import { isMarkerName } from '../../contract/model-marker.ts';
import { within } from '../files/held-directory.ts';
import { readPlainFile, replaceFile } from '../files/own-files.ts';

/** Settings have a page at most. */
const LONGEST_SETTINGS_BYTES = 1024 * 1024;

/** Writes the settings that MLServer needs to find a model; see {@link mlserverSettingsFor}. */
export async function writeSettings(name: string, directory: string, framework: string): Promise<void> {
  await within(directory, async (held) => {
    const { paths, inner, lone } = await lookThrough(held);
    const found: FoundSettings[] = [];
    for (const path of paths) found.push({ path, settings: await readSettings(join(held, path)) });
    // Renamed into place: the server may list the repository at any moment.
    for (const [path, settings] of mlserverSettingsFor({ name, framework, inner, lone }, found))
      await replaceFile(join(held, path), `${JSON.stringify(settings)}\n`);
  });
}

/** The artifact's own settings. Undefined if they are not a JSON object, or not a plain file. */
async function readSettings(path: string): Promise<Record<string, unknown> | undefined> {
  const text = await readPlainFile(path, LONGEST_SETTINGS_BYTES);
  try {
    const parsed: unknown = JSON.parse(text ?? '');
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/**
 * What desktop archivers and tools add beside the one directory of an archive. No runtime looks for hidden files, so
 * they are not part of a model.
 */
function isOfNoModel(name: string): boolean {
  return (name.startsWith('.') && name !== MLSERVER_SETTINGS_FILE) || name === '__MACOSX';
}

interface Artifact {
  /** Of all settings files. */
  readonly paths: readonly string[];
  /** The first directory from the top that holds more than one directory. Empty for the top. */
  readonly inner: string;
  /** The one file of that directory, if it holds nothing else. */
  readonly lone: string | undefined;
}

/** Walks the artifact as MLServer does: it skips hidden directories. Links are not followed. */
async function lookThrough(top: string): Promise<Artifact> {
  const paths: string[] = [];
  let inner = '';
  let lone: string | undefined;
  const open = [''];
  for (let way = open.pop(); way !== undefined; way = open.pop()) {
    const directories: string[] = [];
    const files: string[] = [];
    let others = 0;
    for await (const entry of await opendir(join(top, way))) {
      if ((way === '' && isMarkerName(entry.name)) || isOfNoModel(entry.name)) continue;
      const path = way === '' ? entry.name : `${way}/${entry.name}`;
      if (entry.isDirectory() && !entry.name.startsWith('.')) directories.push(path);
      else others += 1;
      if (entry.isFile()) files.push(path);
      if (entry.name === MLSERVER_SETTINGS_FILE) paths.push(path);
    }
    if (way === inner && others === 0 && directories.length === 1) inner = directories[0] ?? inner;
    else if (way === inner) lone = others === 1 && directories.length === 0 ? files[0] : undefined;
    open.push(...directories);
  }
  return { paths: paths.sort(), inner, lone };
}
