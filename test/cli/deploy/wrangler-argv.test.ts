import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { nameIn } from '../../../cli/deploy/deploy-config.ts';
import * as argv from '../../../cli/deploy/wrangler-argv.ts';

const words = (args: string[]) => args.join(' ');

it('speaks of the Worker that wrangler.toml names', async () => {
  expect(argv.workerName).toBe(nameIn(await readFile('wrangler.toml', 'utf8')));
});

it('asks wrangler for just this', () => {
  expect(words(argv.whoami())).toBe('whoami --json');
  expect(words(argv.listDatabases())).toBe('d1 list --json');
  expect(words(argv.createDatabase())).toBe('d1 create stackferry');
  expect(words(argv.queueInfo('q'))).toBe('queues info q');
  expect(words(argv.createQueue('q'))).toBe('queues create q');
  expect(words(argv.listDeployments('w'))).toBe('deployments list --name w --json');
  expect(words(argv.putSecret('w', 'KEY'))).toBe('secret put KEY --name w');
  expect(words(argv.deleteSecret('w', 'KEY'))).toBe('secret delete KEY --name w');
  expect(words(argv.migrate('c.toml'))).toBe('d1 migrations apply stackferry --remote --config c.toml');
  expect(argv.query('c.toml', 'SELECT 1')).toEqual([
    ...['d1', 'execute', 'stackferry', '--remote', '--json', '--config', 'c.toml'],
    ...['--command', 'SELECT 1'],
  ]);
});

it('deploys what is built, with a secret and a domain only where there is one', () => {
  const plain = { config: 'c.toml', secrets: null, domain: null, dryRun: false };
  expect(words(argv.deploy(plain))).toBe('deploy --no-bundle --config c.toml');
  expect(words(argv.deploy({ ...plain, secrets: 's.json', domain: 'ferry.example.com' }))).toBe(
    'deploy --no-bundle --config c.toml --secrets-file s.json --domain ferry.example.com',
  );
  expect(words(argv.deploy({ ...plain, dryRun: true }))).toBe('deploy --no-bundle --config c.toml --dry-run');
});
