/** One challenge of a WWW-Authenticate header. */
export interface AuthChallenge {
  /** In lower case. */
  readonly scheme: string;
  /** By their names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = "[\\w!#$%&'*+.^`|~-]+";
const PART = new RegExp(
  `\\s*,?\\s*(?:(${TOKEN})[ \\t]*=[ \\t]*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s,"]+))(?=[\\s,]|$)|(${TOKEN})(?=[\\s,]|$)(?:[ \\t]+[\\w.~+/-]+=*(?=\\s*(?:,|$)))?)`,
  'y',
);

/**
 * The challenges of one or more WWW-Authenticate headers, joined by commas. Parsing stops at the first unreadable part.
 * A value without quotes may be a URL: some registries send it so, although it is not a token.
 * Source: RFC 9110, 11.6.1: a comma separates both parameters and challenges.
 */
export function readChallenges(header: string): AuthChallenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  const part = new RegExp(PART);
  for (let match = part.exec(header); match !== null; match = part.exec(header)) {
    const [, name, quoted, bare, scheme] = match;
    if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), parameters: new Map() });
    else if (name !== undefined) {
      const value = quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '';
      challenges.at(-1)?.parameters.set(name.toLowerCase(), value);
    }
  }
  return challenges;
}
