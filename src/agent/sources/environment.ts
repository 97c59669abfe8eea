/** The container's environment, where the webhook puts credentials and endpoints. */
export type Environment = Readonly<Record<string, string | undefined>>;
