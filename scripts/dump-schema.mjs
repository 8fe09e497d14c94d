// Writes migrations/schema/<role>.sql: what each role's SQL amounts to, for reviewers. A test compares it.
import { mkdir, writeFile } from 'node:fs/promises';
import { startStack } from '@banyan/devstack';
import { describeSchema, migrate } from '@banyan/migrations';

const ROLES = ['outbox', 'subscriber', 'teams', 'projects', 'tasks'];

const stack = await startStack({ databases: ROLES });
try {
  const folder = new URL('../migrations/schema/', import.meta.url);
  await mkdir(folder, { recursive: true });
  for (const role of ROLES) {
    const databaseUrl = stack.urls.postgres[role];
    await migrate({ databaseUrl, roles: [role] });
    await writeFile(new URL(`${role}.sql`, folder), await describeSchema(databaseUrl));
    console.log(`migrations/schema/${role}.sql`);
  }
} finally {
  await stack.stop();
}
