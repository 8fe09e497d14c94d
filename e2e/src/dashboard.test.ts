import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readTrail } from '@banyan/control';
import { run } from '@banyan/playbook';
import { unary } from '@banyan/service-host';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import pg from 'pg';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Applying } from './dashboard/applying.js';
import { axeFindings } from './dashboard/axe-findings.js';
import { CHROMIUM, openBrowser } from './gateway/browser.js';
import { moveEdge, stageOf } from './operator/edge-moves.js';
import { MigratedSystem } from './system.js';
import { Clients } from './traffic/clients.js';
import { Traffic } from './traffic/traffic.js';

const EDGE = 'tasks -> projects.GetProject';
const EDGE_PAGE = '/edges/tasks:projects.GetProject';

/** Two steps that no gate holds up: one edge up, and down again. */
const WALKED = 'tasks -> teams.GetMembership';
const STEPS = { up: `advance ${WALKED} to cache`, down: `back ${WALKED} to call` };
const PLAYBOOK = `
version: 1
name: up-and-down
edges: { ${WALKED}: { kind: query } }
steps:
  - { advance: ${WALKED}, to: cache }
  - { back: ${WALKED}, to: call }
`;

const PAGES = [
  '/',
  EDGE_PAGE,
  '/edges/tasks:projects.RecordTaskActivity',
  '/relays',
  '/subscribers',
  '/plan',
  '/live',
];

/** What happens at once on a quiet machine, and not on a busy one. */
const PATIENCE_MS = 45_000;

if (CHROMIUM === undefined)
  process.stderr.write('dashboard: no Chromium here (apt-get install chromium), so its page is not tested\n');

describe.runIf(CHROMIUM !== undefined)('the dashboard', { timeout: 300_000 }, () => {
  let system: MigratedSystem;
  let nats: NatsConnection;
  let clients: Clients;
  let traffic: Traffic;
  let browser: Browser;
  let page: Page;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'banyan-dashboard-'));
    const playbook = join(folder, 'up-and-down.yaml');
    writeFileSync(playbook, PLAYBOOK);
    system = await MigratedSystem.start({ playbook, log: () => undefined });
    nats = await connect({ servers: system.natsUrl });
    clients = new Clients(system.addresses, 'test', { isPatient: true });
    traffic = new Traffic({ clients, users: 2, pauseMs: 60, seed: 7 });
    await traffic.world.seed(3, 12);
    traffic.start();
    browser = await openBrowser();
  }, 120_000);

  afterAll(async () => {
    await browser.close();
    await traffic.stop();
    clients.close();
    await nats.close();
    await system.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(PATIENCE_MS);
  });

  afterEach(() => page.close());

  async function open(path: string): Promise<void> {
    await page.goto(`${system.gatewayUrl}${path}#token=${system.operatorToken}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.getByText('Live', { exact: true }).first().waitFor();
  }

  /** As at a terminal, and again if the broker was too busy to take it. */
  async function banyan(...args: string[]): Promise<void> {
    const again = { timeout: PATIENCE_MS, interval: 200 };
    await vi.waitFor(async () => {
      const out: string[] = [];
      const say = (line: string): void => void out.push(line);
      const code = await run([...args, '--json'], {
        terminal: { out: say, err: say, confirm: undefined },
        env: { ...process.env, NATS_URL: system.natsUrl },
        folder: '/',
      });
      expect(code, out.join('\n')).toBe(0);
    }, again);
  }

  const advance = (to: string, ...flags: string[]): Promise<void> =>
    moveEdge({ nats, natsUrl: system.natsUrl, edge: EDGE, to }, 'advance', ...flags);

  /** Confirms what a dialog asks, and again if the broker was too busy to take it: nothing was done then. */
  async function confirm(name: string): Promise<void> {
    const dialog = page.getByRole('dialog');
    const act = async (): Promise<void> => {
      if (await dialog.isVisible())
        await dialog.getByRole('button', { name, exact: true }).click({ timeout: 5_000 });
      await dialog.waitFor({ state: 'hidden', timeout: 10_000 });
    };
    await vi.waitFor(act, { timeout: PATIENCE_MS, interval: 200 });
  }

  const rungIs = (stage: string): Promise<void> =>
    page.locator('.ladder [aria-current=step]', { hasText: stage }).waitFor();

  it('lets an operator in by the address that it was given, and keeps no token in it', async () => {
    await open('/relays');
    expect(page.url()).toBe(`${system.gatewayUrl}/relays`);
    await page.goto(`${system.gatewayUrl}/subscribers`);
    await page.getByRole('heading', { name: 'Subscribers' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.getByLabel('Token').fill('not the token');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').getByText('not the operator’s token').waitFor();
  });

  it('advances an edge and takes it back, with a reason that the audit keeps', async () => {
    await open(EDGE_PAGE);
    await rungIs('call');
    await page.getByRole('button', { name: 'Advance to cache' }).click();
    const dialog = page.getByRole('dialog', { name: 'Advance to cache' });
    expect(await dialog.getByRole('button', { name: 'Advance', exact: true }).isDisabled()).toBe(true);
    await dialog.getByLabel(/Reason/).fill('to warm it up');
    await dialog.getByLabel(/Your name/).fill('Ada');
    await confirm('Advance');
    await rungIs('cache');
    await page
      .getByText(/in force in \d+ process/)
      .first()
      .waitFor();

    await page.keyboard.press('b');
    await page.getByLabel(/Reason/).fill('enough of it');
    await confirm('Take it back');
    await rungIs('call');
    const moves = (await readTrail(nats, { about: EDGE })).map(({ by, why, from, to, outcome }) => {
      return { by, why, from, to, outcome };
    });
    expect(moves.filter(({ outcome }) => outcome === 'made')).toEqual([
      { by: 'Ada', why: 'to warm it up', from: 'call', to: 'cache', outcome: 'made' },
      { by: 'Ada', why: 'enough of it', from: 'cache', to: 'call', outcome: 'made' },
    ]);
    await page.getByText('enough of it').first().waitFor();
  });

  it('keeps a dialog open that was opened in the moment in which another closed', async () => {
    await open(EDGE_PAGE);
    await page.getByRole('button', { name: 'Advance to cache' }).click();
    await page.getByRole('button', { name: 'Cancel' }).waitFor();
    // In one task, so that no frame comes in between.
    await page.evaluate(`(async () => {
      [...document.querySelectorAll('dialog button')].find((each) => each.textContent === 'Cancel').click();
      for (let i = 0; i < 1000 && document.querySelector('dialog'); i++) await undefined;
      document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'a', bubbles: true }));
      for (let i = 0; i < 3; i++) await new Promise((resolve) => requestAnimationFrame(resolve));
    })()`);
    expect(await page.getByRole('dialog').count()).toBe(1);
  });

  it('shows a change that somebody else makes, and does not overwrite it', async () => {
    await open(EDGE_PAGE);
    await page.getByRole('button', { name: 'Advance to cache' }).click();
    await page.getByLabel(/Reason/).fill('I was first');
    await advance('cache');
    await rungIs('cache');
    await page.getByRole('dialog').getByRole('button', { name: 'Advance', exact: true }).click();
    await page.getByRole('dialog').getByRole('alert').waitFor();
    await page.keyboard.press('Escape');
    await rungIs('cache');
  });

  it('does not let an edge advance that its gate holds, but by force', async () => {
    await advance('shadow', '--force', '--reason', 'on with it');
    await open(EDGE_PAGE);
    await page.getByRole('button', { name: 'Advance to prefer-replica' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel(/Reason/).fill('it will be fine');
    const force = dialog.getByRole('button', { name: 'Force it' });
    expect(await force.isDisabled()).toBe(true);
    await dialog.getByText('The gate does not pass.', { exact: true }).waitFor();
    await dialog.getByText(/^Judged by the defaults/).waitFor();
    await dialog.getByLabel(/Advance though/).check();
    await confirm('Force it');
    await rungIs('prefer-replica');
    await page.getByText('forced').first().waitFor();
  });

  it('pauses a walk of the playbook and lets it go on, and the walk obeys', async () => {
    await open('/plan');
    const stateOf = (step: string): Locator =>
      page
        .getByRole('listitem')
        .filter({ hasText: step.replace('->', '→') })
        .locator('.badge');
    await stateOf(STEPS.up).getByText('to do').waitFor();
    const playbook = join(folder, 'up-and-down.yaml');
    const walk = new Applying(playbook, { natsUrl: system.natsUrl, postpone: STEPS.down });
    try {
      await stateOf(STEPS.up).getByText('done').waitFor();
      await page.getByRole('button', { name: 'Pause' }).click();
      await page.getByLabel(/Reason/).fill('lunch');
      await confirm('Pause');
      await expect.poll(() => walk.story, { timeout: PATIENCE_MS }).toContain('paused');
      await banyan('apply', 'release', STEPS.down, '--playbook', playbook);
      const releasedMs = performance.now();
      await stateOf(STEPS.down).getByText('waiting').waitFor();
      // Time for a walk that does not obey to make the step.
      await expect.poll(() => performance.now() - releasedMs, { timeout: 10_000 }).toBeGreaterThan(1_500);
      expect(await stageOf(nats, WALKED)).toBe('cache');
      await page.getByRole('button', { name: 'Resume' }).click();
      await page.getByLabel(/Reason/).fill('back from lunch');
      await confirm('Resume');
      await stateOf(STEPS.down).getByText('done').waitFor();
      expect(await walk.ended).toBe(0);
      expect(walk.story.filter((line) => /paused|resumed|acting back/.test(line))).toEqual([
        ...['paused', 'resumed'],
        `acting ${STEPS.down}`,
      ]);
      expect(await stageOf(nats, WALKED)).toBe('call');
      const trail = await readTrail(nats, { kind: 'run' });
      expect(trail.filter(({ to }) => to !== undefined).map(({ why, to }) => ({ why, to }))).toEqual([
        { why: 'lunch', to: 'pause' },
        { why: 'back from lunch', to: 'resume' },
      ]);
    } finally {
      walk.kill();
    }
  });

  it('tries a parked key again', async () => {
    const { projects } = clients;
    const pool = new pg.Pool({ connectionString: system.databaseUrl('tasks'), max: 1 });
    await pool.query(`alter table project_replica add constraint no_roof check (name <> 'Roof')`);
    const { id } = traffic.world.project();
    await unary(projects.renameProject.bind(projects), { id, name: 'Roof', expectedVersion: 0 });
    await open('/subscribers');
    const key = page.getByRole('listitem').filter({ hasText: id });
    await key.getByText('violates check constraint').waitFor();
    await key.getByText('tried 5 times').waitFor();
    await pool.query('alter table project_replica drop constraint no_roof');
    await pool.end();

    await key.getByRole('button', { name: 'Retry' }).click();
    await page.getByLabel(/Reason/).fill('the constraint is gone');
    await confirm('Retry now');
    await page.getByText('No key is parked').waitFor();
    const trail = await readTrail(nats, { kind: 'parked' });
    expect(trail.map(({ why, to }) => ({ why, to }))).toEqual([
      { why: 'the constraint is gone', to: 'retry' },
    ]);
  });

  it('says that the gateway is gone, how old all is, and goes on by itself once it is back', async () => {
    await open('/');
    system.supervisor.kill('gateway');
    // Not started again before the page has told.
    await system.supervisor.stop('gateway');
    await page.getByText(/Last seen .* ago/).waitFor();
    await system.startGateway();
    await page.getByText(/Last seen .* ago/).waitFor({ state: 'hidden' });
    await page.getByText('Live', { exact: true }).first().waitFor();
  });

  it('is beside a board that keeps nobody out either, in its light theme and its dark one', async () => {
    await page.goto(`${system.gatewayUrl}/board/${await boardOfAllKinds()}`);
    for (const pane of ['Push', 'Polling']) {
      const cards = page.getByRole('region', { name: pane });
      await cards.getByRole('button', { name: 'Done →' }).first().waitFor();
      await cards.getByRole('button', { name: '← Reopen' }).first().waitFor();
    }
    // What is refused is told on the page too.
    await page.getByLabel('New task').fill(' ');
    await page.getByRole('button', { name: 'Add task' }).click();
    await page.getByRole('alert').waitFor();
    expect(await inBothThemes()).toEqual({ light: [], dark: [] });
  });

  /** A project with a task in each column. @returns where the board shows it */
  async function boardOfAllKinds(): Promise<string> {
    const { id: projectId, teamId } = traffic.world.project();
    const { tasks } = clients;
    const create = tasks.createTask.bind(tasks);
    const made = { projectId, assigneeId: '' };
    await unary(create, { ...made, name: 'Plant' });
    const { task } = await unary(create, { ...made, name: 'Water' });
    await unary(tasks.completeTask.bind(tasks), { id: task?.id ?? '', expectedVersion: 0 });
    return `#team=${teamId}&project=${projectId}`;
  }

  async function inBothThemes(): Promise<Record<string, string[]>> {
    const found: Record<string, string[]> = {};
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      found[colorScheme] = await axeFindings(page);
    }
    return found;
  }

  it('keeps nobody out on any page, in its light theme and its dark one', async () => {
    const found: Record<string, string[]> = {};
    for (const path of PAGES) {
      await open(path);
      await page.locator('.loading').first().waitFor({ state: 'detached' });
      for (const [theme, findings] of Object.entries(await inBothThemes()))
        found[`${path} ${theme}`] = findings;
    }
    expect(Object.entries(found).filter(([, findings]) => findings.length > 0)).toEqual([]);
    expect(Object.keys(found)).toHaveLength(2 * PAGES.length);
  });
});
