import { BanyanError } from '@banyan/runtime';

/** An environment variable; one that is set to nothing counts as not set. */
export function setting(name: string): string | undefined {
  const value = process.env[name];
  return value === '' ? undefined : value;
}

/** @throws BanyanError BANYAN_DEVSTACK on Windows, where signals, users and links are not what this package needs */
export function refuseWindows(): void {
  if (process.platform !== 'win32') return;
  throw new BanyanError('BANYAN_DEVSTACK', 'the development stack does not run on Windows itself', {
    remedy: 'Run it inside WSL, on Linux or on macOS.',
  });
}
