import { readFileSync } from 'node:fs';

/**
 * Whether models.json in a directory names a model that certainly needs the puller's process, which is then started
 * early. This module imports nothing slow: an agent calls it before it has loaded itself.
 */
export function startsWithFarModels(configDir: string): boolean {
  try {
    return namesFarModels(readFileSync(`${configDir}/models.json`, 'utf8'));
  } catch {
    return false;
  }
}

/** By its text alone. A model missed here only starts the process later. */
function namesFarModels(modelsJson: string): boolean {
  return /"storageUri"\s*:\s*"(?:(?!https?:|file:)|[^"]*\.(?:zip|tar|tgz|tar\.gz)")/i.test(modelsJson);
}
