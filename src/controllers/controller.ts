/**
 * A controller brings objects of one kind into the desired state. On construction it subscribes to the watches that
 * trigger it, as `SetupWithManager` does in controller-runtime. It acts only while its replica leads.
 */
export interface Controller {
  /** Works until the signal aborts. Never rejects. */
  lead(signal: AbortSignal): Promise<void>;
}
