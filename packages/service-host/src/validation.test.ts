import { describe, expect, it } from 'vitest';
import { DomainError } from './domain-error.js';
import { Validation } from './validation.js';

describe('validation', () => {
  it('reports everything that is wrong at once', () => {
    const fields = violations(
      new Validation().text('name', '  ').id('id', 'x').token('member_id', 'a b').version('v', -1),
    );
    expect(fields).toEqual(['name', 'id', 'member_id', 'v']);
  });

  it('counts characters, not UTF-16 units', () => {
    expect(violations(new Validation().text('name', '🌳'.repeat(200)))).toEqual([]);
    expect(violations(new Validation().text('name', '🌳'.repeat(201)))).toEqual(['name']);
  });

  it('refuses what PostgreSQL or a screen cannot take', () => {
    expect(violations(new Validation().text('name', 'a\0b'))).toEqual(['name']);
    expect(violations(new Validation().text('name', 'a\ud800'))).toEqual(['name']);
  });

  it('cuts long values in its messages', () => {
    expect(() => new Validation().id('id', 'x'.repeat(10_000)).done()).toThrow(/^.{1,200}$/);
  });
});

function violations(validation: Validation): string[] {
  try {
    validation.done();
    return [];
  } catch (error) {
    const refusal = error instanceof DomainError ? error.refusal : undefined;
    if (refusal?.kind !== 'invalid') throw error;
    return refusal.violations.map(({ field }) => field);
  }
}
