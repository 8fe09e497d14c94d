import { defineConfig } from 'vitest/config';

// Packages are tested from their sources: the `banyan-source` export condition leads to src/ instead of dist/.
// `import` and `node` are not listed: Vitest hands the list to Node, whose require() would then be given ES modules.
const conditions = ['banyan-source', 'default'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: [
      '{packages,services}/*/src/**/*.test.ts',
      '{outbox-relay,migrations,dashboard,e2e,bench}/src/**/*.test.ts',
      'docs/examples/*.test.ts',
    ],
    globalSetup: ['packages/devstack/src/vitest-setup.ts'],
    // Many times what anything takes on a quiet machine: a busy one pauses a process for seconds, and patience is free.
    testTimeout: 90_000,
    hookTimeout: 120_000,
    teardownTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
    maxWorkers: 2,
  },
});
