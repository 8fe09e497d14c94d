import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { ROOT } from '../root.js';

/** A picture of a page for the docs. */
interface Shot {
  /** Of its file in docs/img. */
  name: string;
  path: string;
  theme: 'dark' | 'light';
  size: { width: number; height: number };
}

const DESK = { width: 1440, height: 900 };
const PHONE = { width: 360, height: 800 };
const EDGE = '/edges/tasks:projects.GetProject';

const SHOTS: readonly Shot[] = [
  { name: 'map', path: '/', theme: 'dark', size: DESK },
  { name: 'map-light', path: '/', theme: 'light', size: DESK },
  { name: 'edge', path: EDGE, theme: 'dark', size: { width: 1440, height: 1120 } },
  { name: 'subscribers', path: '/subscribers', theme: 'light', size: DESK },
  { name: 'live', path: '/live', theme: 'light', size: DESK },
  { name: 'map-phone', path: '/', theme: 'light', size: PHONE },
  { name: 'edge-phone', path: EDGE, theme: 'dark', size: PHONE },
];

export interface ShownSystem {
  gatewayUrl: string;
  operatorToken: string;
}

/** Takes all pictures, with dots standing still. */
export async function takeShots(
  browser: Browser,
  { gatewayUrl, operatorToken }: ShownSystem,
  say: (line: string) => void,
): Promise<void> {
  for (const { name, path, theme, size } of SHOTS) {
    const page = await browser.newPage({ viewport: size, colorScheme: theme, reducedMotion: 'reduce' });
    await page.goto(`${gatewayUrl}${path}#token=${operatorToken}`);
    await page.getByText('Live', { exact: true }).first().waitFor();
    await page.locator('.loading').first().waitFor({ state: 'detached' });
    // Rates are counted between looks a second apart.
    await page.waitForTimeout(6_000);
    const file = join(ROOT, 'docs/img', `${name}.png`);
    await page.screenshot({ path: file });
    await page.close();
    say(file);
  }
}
