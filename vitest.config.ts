import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';
import { receivers } from './test/support/receiver-server.ts';

/**
 * Hours of moves on two processors, in the projects `long` and `lab`: only with STACKFERRY_LONG, as `npm run test:long` sets
 * it, since every run is to end within an hour.
 */
const isLong = Boolean(process.env.STACKFERRY_LONG);
const longFiles = [
  ...['docker/chaos', 'docker/containers', 'docker/corpus', 'docker/exclude', 'docker/helper-image', 'docker/library'],
  ...['docker/path-maps', 'docker/pre-copy', 'docker/registry-logins', 'docker/restless', 'docker/stack-reading'],
  ...['docker/window', 'hostile/arrived', 'stacks/drain'],
].map((name) => `test/${name}.docker.test.ts`);
const onHosts = {
  globalSetup: ['test/support/prebuilt.ts'],
  pool: 'forks',
  testTimeout: 300_000,
  hookTimeout: 300_000,
} as const;

/** `vitest run --project node|worker|browser|docker|machines`. Two workers at most, or VITEST_MAX_WORKERS. */
export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'node',
          include: ['test/**/*.test.ts'],
          exclude: [
            ...['test/worker/**', 'test/browser/**', 'test/lab/**', 'test/machines/**'],
            ...['test/**/*.docker.test.ts', 'test/**/*.netns.test.ts'],
          ],
          pool: 'forks',
          testTimeout: 20_000,
          hookTimeout: 30_000,
        },
      },
      {
        plugins: [
          cloudflareTest(async () => ({
            main: './worker/index.ts',
            wrangler: { configPath: './wrangler.toml' },
            miniflare: {
              bindings: { TEST_MIGRATIONS: await readD1Migrations('schema/migrations') },
              // Whatever the Worker under test calls, it calls this, and never the internet.
              outboundService: { node: receivers() },
            },
          })),
        ],
        test: {
          name: 'worker',
          include: ['test/worker/**/*.test.ts'],
          setupFiles: ['test/worker/setup.ts'],
          testTimeout: 20_000,
          hookTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'browser',
          globalSetup: ['test/support/prebuilt.ts'],
          include: ['test/browser/**/*.test.ts'],
          pool: 'forks',
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'docker',
          include: ['test/**/*.docker.test.ts'],
          exclude: longFiles,
          ...onHosts,
        },
      },
      {
        test: {
          name: 'namespaces',
          include: ['test/**/*.netns.test.ts'],
          pool: 'forks',
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        // Three plain machines with nothing of ours.
        test: {
          name: 'machines',
          include: ['test/machines/**/*.machines.test.ts'],
          pool: 'forks',
          setupFiles: ['test/support/one-at-a-time.ts'],
          env: { STACKFERRY_ONE_AT_A_TIME: 'machines' },
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
      ...(isLong
        ? [
            { test: { name: 'long', include: longFiles, ...onHosts } },
            {
              // Two hosts of different kinds; see docs/lab.md.
              test: {
                name: 'lab',
                include: ['test/lab/**/*.lab.test.ts'],
                setupFiles: ['test/support/one-at-a-time.ts'],
                env: { STACKFERRY_ONE_AT_A_TIME: 'lab', STACKFERRY_PAIR: process.env.STACKFERRY_PAIR ?? '4' },
                ...onHosts,
              },
            },
          ]
        : []),
    ],
  },
});
