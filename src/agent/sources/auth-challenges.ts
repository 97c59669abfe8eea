/** One challenge of WWW-Authenticate. */
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
 * The challenges of one or more WWW-Authenticate headers, joined by commas. What cannot be read ends the list.
 * A value without quotes may be a URL, which some registries send so, though it is no token.
 * Source: RFC 9110, 11.6.1: a comma stands between parameters and between challenges alike.
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
