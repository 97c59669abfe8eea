/** Undefined when ready, else one sentence on what is awaited. Cheap: it is asked every few seconds. */
export type ReadinessCheck = () => string | undefined;
