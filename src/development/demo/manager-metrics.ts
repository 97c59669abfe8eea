/** `mms_api_requests_total{verb="update",resource="configmaps",code="200"} 3` */
const WRITE =
  /^mms_api_requests_total\{verb="(?:create|update|patch)",resource="configmaps",code="20\d"\} (\d+)$/gm;

/** How many ConfigMap writes the manager has made, as its own metrics say. */
export async function configMapWrites(metricsUrl: string): Promise<number> {
  const text = await (await fetch(metricsUrl)).text();
  return [...text.matchAll(WRITE)].reduce((sum, [, count]) => sum + Number(count), 0);
}
