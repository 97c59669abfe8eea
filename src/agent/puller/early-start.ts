import { readFileSync } from 'node:fs';

/**
 * Whether models.json in a directory names a model that is surely for the puller's process, which is then started early. This
 * module imports nothing that takes time: an agent asks before it has loaded itself.
 */
export function startsWithFarModels(configDir: string): boolean {
  try {
    return namesFarModels(readFileSync(`${configDir}/models.json`, 'utf8'));
  } catch {
    return false;
  }
}

/** By its text alone; what is not seen here only starts the process later. */
function namesFarModels(modelsJson: string): boolean {
  return /"storageUri"\s*:\s*"(?:(?!https?:|file:)|[^"]*\.(?:zip|tar|tgz|tar\.gz)")/i.test(modelsJson);
}
