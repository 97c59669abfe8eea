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

describe('the ports of a manager on a machine of a person', () => {
  it('are the defaults where these are free, and any free one where not', async () => {
    expect(await ports([], [])).toEqual([9443, 8080, 8081]);
    expect(await ports([], [8080, 9443])).toEqual([0, 0, 8081]);
  });

  it('stay where somebody has asked for them', async () => {
    expect(await ports(['metricsPort'], [8080, 8081])).toEqual([9443, 8080, 0]);
  });
});
