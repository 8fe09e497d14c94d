import { expect, it } from 'vitest';
import { FailedLogins } from './failed-logins.js';

it('keeps an address that guesses from guessing on for the rest of the minute, and no other address', () => {
  const failures = new FailedLogins();
  for (let i = 0; i < 9; i++) failures.note('10.0.0.1', i);
  expect(failures.blockedMs('10.0.0.1', 10)).toBe(0);
  failures.note('10.0.0.1', 10);
  expect(failures.blockedMs('10.0.0.1', 10)).toBe(59_990);
  expect(failures.blockedMs('10.0.0.2', 10)).toBe(0);
  expect(failures.blockedMs('10.0.0.1', 60_000)).toBe(0);
  failures.note('10.0.0.1', 60_000);
  expect(failures.blockedMs('10.0.0.1', 60_001)).toBe(0);
});
