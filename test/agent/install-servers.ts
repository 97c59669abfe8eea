import { azurite } from '../support/azure.ts';
import { FAKE_GCS_SERVER } from '../support/gcs.ts';
import { goTool } from '../support/go-tool.ts';
import { testMlserver } from '../support/mlserver.ts';
import { pyarrow } from '../support/pyarrow.ts';
import { CRANE } from '../support/registry.ts';
import { VERSITYGW } from '../support/s3.ts';
import { testSklearnserver } from '../support/sklearnserver.ts';
import { DISTRIBUTION } from '../support/token-registry.ts';
import { testTriton } from '../support/triton.ts';

/**
 * Installs every server and tool that the agent's tests need before the first test, because a build takes longer than a test
 * may. They are installed one after another, because each build uses all processors.
 */
export default async function installServers(): Promise<void> {
  for (const tool of [VERSITYGW, FAKE_GCS_SERVER, CRANE, DISTRIBUTION]) await goTool(tool);
  await azurite();
  await testMlserver();
  await testSklearnserver();
  await testTriton();
  await pyarrow();
}
