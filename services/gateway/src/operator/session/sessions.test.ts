import { describe, expect, it } from 'vitest';
import { SESSION_MS, Sessions } from './sessions.js';

const NOW_MS = Date.parse('2026-01-01');
const TOKEN = 'a-token-of-more-than-twenty-characters';

describe('a session', () => {
  it('lasts its time and no longer, in whichever process its cookie is shown', () => {
    const { cookie, session } = new Sessions(TOKEN).begin(NOW_MS);
    const another = new Sessions(TOKEN);
    expect(another.find(cookie, NOW_MS + SESSION_MS - 1)).toEqual(session);
    expect(another.find(cookie, NOW_MS + SESSION_MS)).toBeUndefined();
    expect(another.isOpen(session, NOW_MS + SESSION_MS)).toBe(false);
  });

  it('is over once the token is another one', () => {
    const { cookie } = new Sessions(TOKEN).begin(NOW_MS);
    expect(new Sessions(`${TOKEN}2`).find(cookie, NOW_MS)).toBeUndefined();
  });

  it('that was signed out is remembered until its end, and others go on', () => {
    const sessions = new Sessions(TOKEN);
    const [left, stays] = [sessions.begin(NOW_MS), sessions.begin(NOW_MS)];
    sessions.end(left.session, NOW_MS);
    sessions.end(sessions.begin(NOW_MS).session, NOW_MS + SESSION_MS - 1);
    expect(sessions.find(left.cookie, NOW_MS + SESSION_MS - 1)).toBeUndefined();
    expect(sessions.find(stays.cookie, NOW_MS)).toEqual(stays.session);
  });
});
