import { describe, expect, it } from '@jest/globals';
import { withFreePorts } from '../../../src/cli/local-ports.ts';
import { readManagerSettings } from '../../../src/cli/manager-settings.ts';

const { values } = readManagerSettings({}, {});
const ports = async (given: readonly string[], taken: readonly number[]) => {
  const settings = await withFreePorts(
    values,
    (name) => given.includes(name),
    (port) => Promise.resolve(!taken.includes(port)),
  );
  return [settings.webhookPort, settings.metricsPort, settings.healthPort];
};

describe('the ports of a manager with --local', () => {
  it('are the defaults if they are free, otherwise any free port', async () => {
    expect(await ports([], [])).toEqual([9443, 8080, 8081]);
    expect(await ports([], [8080, 9443])).toEqual([0, 0, 8081]);
  });

  it('are kept if they are set explicitly', async () => {
    expect(await ports(['metricsPort'], [8080, 8081])).toEqual([9443, 8080, 0]);
  });
});
