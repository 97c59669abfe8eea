import { commandsPage } from './commands.ts';
import { conditionsPage } from './conditions.ts';
import { errorsPage } from './errors.ts';
import { findingsPage } from './findings.ts';
import { metricsPage } from './metrics.ts';
import { namesPage } from './names.ts';
import { settingsPage } from './settings.ts';
import { readSources } from './sources.ts';

/** Every page of docs/reference, by the name of its file. */
export async function referencePages(root: string): Promise<ReadonlyMap<string, string>> {
  const sources = readSources(root);
  return new Map([
    ['commands.md', await commandsPage()],
    ['conditions.md', conditionsPage(sources)],
    ['errors.md', errorsPage(sources)],
    ['findings.md', findingsPage()],
    ['metrics.md', await metricsPage()],
    ['names.md', namesPage(sources)],
    ['settings.md', settingsPage()],
  ]);
}
