import type { ManagerSettings } from './manager-settings.ts';

/** The ports of a manager that another program may be using. */
const PORTS = ['webhookPort', 'metricsPort', 'healthPort'] as const;

type PortName = (typeof PORTS)[number];

/**
 * The settings with 0, any free port, for each default that is taken: on a person's machine others listen at 8080 too. A
 * port that was asked for stays, and the manager says that it is taken.
 *
 * @param isGiven whether the user has given the setting
 * @param isFree whether nothing listens there
 */
export async function withFreePorts(
  settings: ManagerSettings,
  isGiven: (name: PortName) => boolean,
  isFree: (port: number) => Promise<boolean>,
): Promise<ManagerSettings> {
  const taken: PortName[] = [];
  for (const name of PORTS) {
    if (!isGiven(name) && settings[name] !== 0 && !(await isFree(settings[name]))) taken.push(name);
  }
  return { ...settings, ...Object.fromEntries(taken.map((name) => [name, 0])) };
}
