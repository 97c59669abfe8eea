/** Undefined if ready, else one sentence on what it waits for. Cheap: it is called every few seconds. */
export type ReadinessCheck = () => string | undefined;
