import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { decodeModelConfig } from '../../src/contract/model-config.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { LINKS } from '../../src/explanation/links.decide.ts';
import { TRAINED_MODELS } from '../../src/kube/resources.ts';
import { CHROMIUM, installedChromium, startBrowser } from '../support/browser.ts';
import {
  createModel,
  createService,
  inferenceService,
  readConfigMap,
  trainedModel,
} from '../support/cluster-client.ts';
import { startEmulatedAgent } from '../support/emulated-agent.ts';
import type { EmulatedAgent } from '../support/emulated-agent.ts';
import { eventually } from '../support/eventually.ts';
import { canHave } from '../support/installed-program.ts';
import { startManagedCluster } from '../support/managed-cluster.ts';
import type { ManagedCluster } from '../support/managed-cluster.ts';
import { ROOT } from '../support/page.ts';
import { inParallel } from '../support/parallel.ts';
import { placePod } from '../support/predictor-pods.ts';
import { report } from '../support/report.ts';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
/** Kept for inspection. */
const PICTURES = join(ROOT, 'test-results', 'page');
/** What a hostile source could answer. */
const MARKUP = '<img src=x onerror="document.title=\'taken over\'"><script>alert(1)</script>';
const MANY = 230;
/** Skipped without a browser. */
const describeInBrowser = (await canHave(CHROMIUM, 'the page in a browser')) ? describe : describe.skip;

let cluster: ManagedCluster;
let client: ApiClient;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let base: string;
const agents: EmulatedAgent[] = [];
/** Console errors of the browser. */
const complaints: string[] = [];

beforeAll(async () => {
  await installedChromium();
}, 15 * 60_000);

beforeAll(async () => {
  cluster = await startManagedCluster({ page: true });
  ({ client } = cluster);
  base = `http://localhost:${cluster.manager.ports.page}`;
  browser = await startBrowser();
  context = await browser.newContext();
  page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.setDefaultTimeout(30_000);
}, 180_000);

afterAll(async () => {
  await browser.close();
  await Promise.all(agents.map((agent) => agent.stop()));
  await cluster.stop();
});

/** Passes the current models.json to the emulated agents. */
async function serveModels(service: string, count: number, served: readonly EmulatedAgent[]): Promise<void> {
  const entries = await eventually(async () => {
    const { models } = decodeModelConfig(
      (await readConfigMap(client, `modelconfig-${service}-0`))?.data?.['models.json'] ?? '[]',
    );
    expect(models).toHaveLength(count);
    return models;
  });
  for (const agent of served) agent.want(entries);
}

async function agentFor(service: string, pod: string): Promise<EmulatedAgent> {
  const agent = await startEmulatedAgent({
    perSecond: 500,
    fails: (name) => name === 'tulip',
    message: MARKUP,
  });
  agents.push(agent);
  await placePod(client, { name: pod, service, statusPort: agent.port });
  return agent;
}

/** The elements that reach beyond the right edge of the window, visible or cut off. */
const BEYOND_THE_EDGE = `[...document.querySelectorAll('main *')]
  .filter((element) => !element.closest('.unseen') && element.getBoundingClientRect().right > innerWidth)
  .map((element) => element.outerHTML.slice(0, 100))`;

/** All violations that axe finds, one a line. */
async function violations(): Promise<string[]> {
  await page.evaluate(await readFile(AXE, 'utf8'));
  const { violations: found, passes } = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
  );
  expect(passes.length).toBeGreaterThan(10);
  return found.flatMap(({ id, help, nodes }) => nodes.map(({ html }) => `${id}: ${help}: ${html}`));
}

const row = (name: string) => page.getByRole('row').filter({ has: page.getByRole('rowheader', { name }) });
const focused = (what: string) => page.evaluate<string>(`document.activeElement.${what}`);
const shownNames = () => page.getByRole('rowheader').locator('a').allTextContents();

describeInBrowser('the page in a browser', () => {
  it('says that there is nothing yet, and shows new objects without a reload', async () => {
    const begun = performance.now();
    await page.goto(base);
    await page.getByText('Nothing here yet').waitFor();
    const there = performance.now();
    await page.getByRole('status').getByText('live', { exact: true }).waitFor();
    await createService(
      client,
      inferenceService('flowers', { sklearn: { resources: { limits: { memory: '64Mi' } } } }),
    );
    const created = performance.now();
    await page.getByRole('link', { name: 'flowers' }).waitFor();
    report('the page in Chromium', {
      'loaded and filled after (ms)': there - begun,
      'a created InferenceService shown after (ms)': performance.now() - created,
    });
  });

  it('shows InferenceServices with trouble first, and why one is not multi-model', async () => {
    await createService(client, inferenceService('bulk'));
    await createService(client, inferenceService('alone', { sklearn: { storageUri: 's3://bucket/alone' } }));
    await createModel(client, trainedModel('lost', 'nowhere'));
    const secret = 'https://models.example/lily.tar.gz?sig=SECRET';
    for (const name of ['iris', 'tulip', 'constructor'])
      await createModel(client, trainedModel(name, 'flowers', { memory: '16Mi' }));
    await createModel(client, trainedModel('lily', 'flowers', { storageUri: secret }));
    await createModel(client, trainedModel('oak', 'flowers', { memory: '1Gi' }));
    await inParallel(
      16,
      Array.from({ length: MANY }, (_, index) => `m${index}`),
      async (name) => {
        await createModel(client, trainedModel(name, 'bulk'));
      },
    );
    await serveModels('flowers', 4, [
      await agentFor('flowers', 'flowers-0'),
      await agentFor('flowers', 'flowers-1'),
    ]);
    await serveModels('bulk', MANY, [await agentFor('bulk', 'bulk-0')]);
    await row('bulk').getByText(`${MANY} loaded`).waitFor();
    await row('flowers').getByText('1 failed').waitFor();
    await row('flowers').getByText('3 loaded').waitFor();
    await row('flowers').getByText('1 waiting').waitFor();
    expect(await shownNames()).toEqual(['flowers', 'nowhere', 'bulk', 'alone']);
    expect(await row('flowers').textContent()).toMatch(
      /tulip: loaded on 0 of 2 replicas; pod flowers-0: NotFound: <img .*oak: needs 1Gi/s,
    );
    expect(await row('nowhere').textContent()).toContain('not there: its models wait for it');
    expect(await row('alone').textContent()).toContain('serves a model of its own');
    expect(await row('flowers').textContent()).toContain('2 of 2');
  }, 120_000);

  it('finds InferenceServices by the name of a model or by their own', async () => {
    const filter = page.getByLabel('Filter by namespace, InferenceService or model');
    await filter.fill('tulip');
    await page.getByText('1 model matches').waitFor();
    expect(await shownNames()).toEqual(['flowers']);
    await filter.fill('no such thing');
    await page.getByText('Nothing matches “no such thing”.').waitFor();
    await filter.fill('');
    await row('bulk').waitFor();
  });

  it('can leave out InferenceServices that are not multi-model and have no models', async () => {
    const only = page.getByLabel('Only multi-model');
    await only.check();
    await eventually(async () => expect(await shownNames()).toEqual(['flowers', 'nowhere', 'bulk']));
    expect(page.url()).toContain('multi-model=true');
    await only.uncheck();
    await row('alone').waitFor();
  });

  it('links from an InferenceService to its models, their conditions and last errors', async () => {
    await page.getByRole('link', { name: 'flowers' }).click();
    await page.getByRole('heading', { name: 'flowers' }).waitFor();
    expect(await focused('tagName')).toBe('H1');
    await page.getByText('yes: predictor.sklearn names no storage of its own').waitFor();
    expect(await shownNames()).toEqual(['tulip', 'oak', 'constructor', 'iris', 'lily']);
    expect(await row('oak').textContent()).toContain('MemoryResourceNotAvailable');
    expect(await row('flowers-1').textContent()).toContain('1 Failed, 3 Loaded');
    await page.getByRole('link', { name: 'oak' }).click();
    await page.getByRole('heading', { name: 'What to do' }).waitFor();
    await page.getByText(LINKS['memory-fits'].advice).waitFor();
    await page.getByText('mms explain tm/oak -n default').waitFor();
    expect(await row('ModelLoaded').textContent()).toContain('as above');
    await page.goBack();
    await page.getByRole('heading', { name: 'flowers' }).waitFor();
    await page.getByRole('link', { name: 'tulip' }).click();
    await page.getByRole('heading', { name: 'tulip' }).waitFor();
    const condition = row('ModelLoaded');
    expect(await condition.textContent()).toContain('Failed');
    expect(await condition.textContent()).toContain('as above');
    expect(await page.locator('.error').textContent()).toContain(MARKUP);
    expect(await row('flowers-0').textContent()).toContain('Failed');
    await page.getByText('s3://bucket/tulip').waitFor();
    await page.goBack();
    await page.getByRole('heading', { name: 'flowers' }).waitFor();
    await page.getByRole('link', { name: 'constructor' }).click();
    expect(await row('ModelLoaded').textContent()).toContain('True');
    expect(await page.title()).toBe('default/constructor – kserve-mms');
  });

  it('renders no name or message as markup', async () => {
    await page.goto(`${base}/#/default/flowers/tulip`);
    await row('ModelLoaded').waitFor();
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(await page.title()).not.toContain('taken over');
    expect(complaints).toEqual([]);
    // The browser itself refuses it too.
    const careless = "document.querySelector('main').innerHTML = '<b>bold</b>'";
    await expect(page.evaluate(careless)).rejects.toThrow('TrustedHTML');
    complaints.splice(0);
  });

  it('shows many models by page and by state', async () => {
    await page.goto(`${base}/#/default/bulk`);
    await page.getByText(`1 to 100 of ${MANY}`).waitFor();
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByText(`101 to 200 of ${MANY}`).waitFor();
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByText(`201 to ${MANY} of ${MANY}`).waitFor();
    expect(await shownNames()).toHaveLength(MANY - 200);
    expect(await page.getByRole('button', { name: 'Next' }).isDisabled()).toBe(true);
    await page.getByLabel('State').selectOption({ label: 'failed' });
    await page.getByText('No model matches.').waitFor();
    await page.getByLabel('State').selectOption({ label: 'any' });
    await page.getByLabel('Filter models').fill('m22');
    await eventually(async () =>
      expect(await shownNames()).toEqual(['m22', ...Array.from({ length: 10 }, (_, n) => `m22${n}`)]),
    );
  });

  it('works with the keyboard alone, and keeps the focus during changes', async () => {
    await page.goto(`${base}/#/`);
    await page.reload();
    await row('flowers').waitFor();
    await page.keyboard.press('Tab');
    expect(await focused('textContent')).toBe('Skip to content');
    await page.keyboard.press('Enter');
    expect(await focused('id')).toBe('main');
    for (const _ of ['filter', 'only multi-model', 'flowers', 'nowhere']) await page.keyboard.press('Tab');
    expect(await focused('textContent')).toBe('nowhere');
    // Its line moves down: another InferenceService has the same trouble and sorts before it.
    await createModel(client, trainedModel('astray', 'anywhere'));
    await row('anywhere').waitFor();
    expect(await focused('textContent')).toBe('nowhere');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'nowhere' }).waitFor();
    expect(await row('lost').textContent()).toContain('InferenceServiceNotFound');
    await client.delete(TRAINED_MODELS, { namespace: 'default', name: 'lost' });
    await page.getByText('There is no InferenceService of this name').waitFor();
  });

  it('keeps the focus when a line moves', async () => {
    await createService(client, inferenceService('zoo'));
    await page.goto(`${base}/#/`);
    await page.getByRole('link', { name: 'zoo' }).focus();
    expect((await shownNames()).slice(-2)).toEqual(['zoo', 'alone']);
    // Its only model waits for a pod, which ranks above the line before.
    await createModel(client, trainedModel('zebra', 'zoo'));
    await row('zoo').getByText('1 waiting').waitFor();
    expect((await shownNames()).slice(-3)).toEqual(['zoo', 'bulk', 'alone']);
    expect(await focused('textContent')).toBe('zoo');
  });

  it('says when the manager does not answer, and recovers', async () => {
    await page.goto(`${base}/#/default/flowers`);
    await row('iris').waitFor();
    await context.setOffline(true);
    await page.getByText('connection lost, trying again').waitFor();
    expect(await shownNames()).toContain('iris');
    expect(await violations()).toEqual([]);
    await context.setOffline(false);
    await page.getByRole('status').getByText('live', { exact: true }).waitFor();
    // A browser logs each failed request.
    expect(complaints.splice(0).filter((text) => !text.includes('ERR_INTERNET_DISCONNECTED'))).toEqual([]);
  });

  describe.each(['light', 'dark'] as const)('in a %s scheme', (colorScheme) => {
    it.each([
      ['wide', 1280],
      ['narrow', 320],
    ])('on a %s screen it has no axe violation, and fits', async (what, width) => {
      await mkdir(PICTURES, { recursive: true });
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      for (const [view, hash, there] of [
        ['services', '#/', 'flowers'],
        ['service', '#/default/flowers', 'tulip'],
        ['many', '#/default/bulk', 'm0'],
        ['model', '#/default/flowers/tulip', 'ModelLoaded'],
        ['nothing', '#/?filter=zzz', ''],
      ] as const) {
        await page.goto(`${base}/${hash}`);
        await (there === '' ? page.getByText('Nothing matches') : row(there).first()).waitFor();
        await page.screenshot({ path: join(PICTURES, `${view}-${colorScheme}-${what}.png`) });
        expect(await violations()).toEqual([]);
        expect(await page.evaluate<string[]>(BEYOND_THE_EDGE)).toEqual([]);
      }
    });
  });

  it('caused no error in the browser', () => {
    expect(complaints).toEqual([]);
  });
});
