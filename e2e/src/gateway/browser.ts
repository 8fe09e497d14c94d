import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Where this machine has a Chromium: CHROMIUM says, or where Debian and others put it; undefined: nowhere. */
export const CHROMIUM = [process.env['CHROMIUM'] ?? '', ...PLACES].find(
  (place) => place !== '' && existsSync(place),
);

/** Starts it. @throws Error where there is none */
export function openBrowser(): Promise<Browser> {
  if (CHROMIUM === undefined) throw new Error('this machine has no Chromium: set CHROMIUM to one');
  // As root there is no sandbox, and containers give little shared memory.
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-dev-shm-usage'],
  });
}
