import { readFile } from 'node:fs/promises';
import { testDatabase } from '@banyan/devstack';
import { expect, it } from 'vitest';
import { describeSchema } from './describe-schema.js';
import { migrate, type Role } from './migrate.js';

const ROLES: readonly Role[] = ['outbox', 'subscriber', 'teams', 'projects', 'tasks'];

it.each(ROLES)('the SQL of role %s gives the schema that was reviewed', async (role) => {
  const database = await testDatabase({ roles: [role] });
  try {
    const reviewed = await readFile(new URL(`../schema/${role}.sql`, import.meta.url), 'utf8');
    expect(await describeSchema(database.url)).toBe(reviewed);
  } finally {
    await database.drop();
  }
});

it('applies nothing twice, also when several processes start at once', async () => {
  const database = await testDatabase({ roles: [] });
  try {
    const applied: string[] = [];
    const onApplied = (_role: Role, file: string): number => applied.push(file);
    const databaseUrl = database.url;
    await Promise.all(
      [1, 2, 3].map(() => migrate({ databaseUrl, roles: ['outbox', 'subscriber'], onApplied })),
    );
    expect(applied).toEqual([...new Set(applied)]);
    expect(applied).toContain('0002_emit');
  } finally {
    await database.drop();
  }
});
