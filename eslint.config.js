import { existsSync } from 'node:fs';
import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

/**
 * Who may import whom. One line a folder: what it may import among the workspace's packages, and why no more.
 * Data goes one way (service transaction -> outbox -> relay -> stream -> subscriber -> replica -> edge -> caller), and
 * imports follow it.
 */
const DIRECTION = [
  ['packages/runtime', [], 'runtime is what everything stands on; it knows no sibling'],
  ['packages/contracts', ['runtime'], 'contracts are data shapes; they know no moving part'],
  ['migrations', ['runtime'], 'migrations are SQL and its runner'],
  [
    'packages/outbox',
    ['contracts', 'runtime'],
    'the write side must work in any service, whoever reads the stream',
  ],
  ['outbox-relay', ['outbox', 'contracts', 'runtime'], 'relay and subscriber meet only in the stream'],
  ['packages/subscriber', ['contracts', 'runtime'], 'subscriber and relay meet only in the stream'],
  ['packages/control', ['runtime'], 'stages know nothing of the paths that they switch'],
  [
    'packages/edge',
    ['subscriber', 'outbox', 'control', 'contracts', 'runtime'],
    'an edge asks a replica how fresh it is, has a source’s events empty its cache, and asks control for its stage; only a reaction writes an event, the one that it stamps',
  ],
  [
    'packages/playbook',
    ['control', 'edge', 'contracts', 'migrations', 'runtime'],
    'the command speaks to processes over NATS, not into them; of a database it knows the migrations',
  ],
  [
    'packages/service-host',
    ['edge', 'runtime'],
    'hosting a gRPC service carries the tokens of its callers; it has nothing else to do with events',
  ],
  [
    'packages/devstack',
    ['migrations', 'contracts', 'runtime'],
    'the development stack starts things from outside; it is imported by tests, demo, e2e and bench only',
  ],
  ['dashboard', ['service-gateway'], 'the page knows the gateway’s JSON, by the types of its wire alone'],
  ...['teams', 'projects', 'tasks'].map((service) => [
    `services/${service}`,
    ['contracts', 'runtime', 'outbox', 'subscriber', 'edge', 'control', 'service-host', 'migrations'],
    'a service never imports another service: they meet over gRPC and events',
  ]),
  [
    'services/gateway',
    ['contracts', 'runtime', 'subscriber', 'edge', 'control', 'playbook', 'service-host'],
    'the gateway calls the services and reads their streams; it has no database and writes no event',
  ],
];

const ALL = DIRECTION.map(([folder]) => folder);
const NAMES = new Map([
  ['outbox-relay', 'relay'],
  ['services/teams', 'service-teams'],
  ['services/projects', 'service-projects'],
  ['services/tasks', 'service-tasks'],
  ['services/gateway', 'service-gateway'],
]);
const nameOf = (folder) => NAMES.get(folder) ?? folder.split('/').at(-1);

/** The lint rule of one line of the table. Tests may also import the test kit. */
function ban(folder, allowed, reason, files, extra = []) {
  const may = new Set([...allowed, ...extra, nameOf(folder)]);
  const banned = ALL.map(nameOf).filter((name) => !may.has(name));
  return {
    files,
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: banned.flatMap((name) => [`@banyan/${name}`, `@banyan/${name}/*`]),
              message: `${reason}.`,
            },
            { group: ['../../**/packages/**', '**/dist/**'], message: 'Import a package by its name.' },
          ],
        },
      ],
    },
  };
}

const TESTS = ['outbox', 'devstack', 'migrations', 'contracts', 'runtime'];

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      'dashboard/.types/**',
      '**/node_modules/**',
      'packages/contracts/src/gen/**',
      '.banyan/**',
    ],
  },
  eslint.configs.recommended,
  {
    files: ['**/src/**/*.{ts,tsx}', 'docs/examples/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ALL.concat('e2e', 'bench', 'services/gateway/board')
          .map((folder) => `${folder}/tsconfig.json`)
          .filter((file) => existsSync(new URL(file, import.meta.url)))
          .concat('tsconfig.tests.json'),
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Three, and then one object of options.
      'max-params': ['error', 4],
      'max-lines': ['error', { max: 350, skipBlankLines: false, skipComments: false }],
      'max-lines-per-function': ['error', { max: 60, skipComments: true, skipBlankLines: true }],
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    files: ['outbox-relay/src/**/*.ts'],
    ignores: ['**/*.test.ts', 'outbox-relay/src/shard.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: String.raw`TemplateElement[value.raw=/\b(from|join|into|update|table)\s+banyan\./]`,
          message:
            'Each shard has a schema of its own: name tables without one; shard.ts says which is meant.',
        },
      ],
    },
  },
  {
    files: ['**/*.test.ts'],
    rules: {
      'max-lines-per-function': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Vitest's asymmetric matchers (expect.stringMatching and the like) are typed any.
      '@typescript-eslint/no-unsafe-assignment': 'off',
    },
  },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: {
      globals: { process: 'readonly', console: 'readonly', URL: 'readonly', performance: 'readonly' },
    },
  },
  {
    files: ['dashboard/public/*.js'],
    languageOptions: { globals: { document: 'readonly', localStorage: 'readonly' } },
  },
  ...DIRECTION.flatMap(([folder, allowed, reason]) => [
    ban(folder, allowed, reason, [`${folder}/**/*.{ts,tsx}`]),
    ban(folder, allowed, reason, [`${folder}/**/*.test.ts`], TESTS),
  ]),
);
