/**
 * A controller brings one kind of thing into the state that is wanted. It subscribes to the watches when it is made, and says
 * there by itself what triggers it, as `SetupWithManager` does in controller-runtime. It acts only while its replica leads.
 */
export interface Controller {
  /** Works until the signal aborts. Never rejects. */
  lead(signal: AbortSignal): Promise<void>;
}
