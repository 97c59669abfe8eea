/** The variables of an environment that concern proxies. */
export type ProxyEnvironment = Readonly<Record<string, string | undefined>>;

/** Upper case comes first, as in Go. Source: golang.org/x/net/http/httpproxy, FromEnvironment. */
export const PROXY_VARIABLES = {
  'http:': ['HTTP_PROXY', 'http_proxy'],
  'https:': ['HTTPS_PROXY', 'https_proxy'],
} as const;

export const BYPASS_VARIABLES = ['NO_PROXY', 'no_proxy'] as const;

/** The first of these variables that is not empty. */
export function firstSet<Name extends string>(
  env: ProxyEnvironment,
  names: readonly Name[],
): { readonly variable: Name; readonly value: string } | undefined {
  for (const variable of names) {
    const value = env[variable];
    if (value !== undefined && value !== '') return { variable, value };
  }
  return undefined;
}

/** Whether any request may need a proxy. Cheap enough to call at every start. */
export function namesProxy(env: ProxyEnvironment): boolean {
  return Object.values(PROXY_VARIABLES).some((names) => firstSet(env, names) !== undefined);
}
