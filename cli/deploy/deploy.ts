import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { distrustStatement } from '../../worker/saga/migration/distrust.ts';
import { hashToken, newToken } from '../../worker/store/token-format.ts';
import { CliError, exitCodes } from '../exit-code.ts';
import { controlFiles } from '../local/control-files.ts';
import { deployConfig, nameIn, queueIn } from './deploy-config.ts';
import { firstHost } from './first-host.ts';
import { lastLines, type Ran, type Wrangler } from './run-wrangler.ts';
import * as argv from './wrangler-argv.ts';

export interface Deployed {
  /** Null after a dry run. */
  url: string | null;
  /** The first admin token; null once it has been used. */
  adminToken: string | null;
  /** Created along with a first admin token; null without one, or if the host has joined. */
  firstHost: { name: string; joinToken: string } | null;
}

export interface DeployOptions {
  domain: string | null;
  dryRun: boolean;
  /** Deploy even if the authority's keys are lost, to import them afterwards. */
  withoutAuthority: boolean;
  /** The database was restored to an earlier time: hosts are asked what they did since. */
  restored: boolean;
  /** Name of the first host. */
  host: string;
}

/**
 * Deploys the control plane to a Cloudflare account. Repeatable: each step finds what an earlier run created.
 *
 *   account → database → queue → check for the certificate authority → migrations → first token and host → deploy
 */
export async function deployTo(
  wrangler: Wrangler,
  { domain, dryRun, withoutAuthority, restored, host }: DeployOptions,
  tell: (line: string) => void,
): Promise<Deployed> {
  const files = await controlFiles();
  const toml = await readFile(files.settingsFile, 'utf8');
  const dir = await mkdtemp(join(tmpdir(), 'stackferry-deploy-'));
  const [config, main, output] = [join(dir, 'wrangler.toml'), join(dir, 'worker.js'), join(dir, 'output.ndjson')];
  const assets = (files.options.assets as { directory: string }).directory;
  const parts = { main, assets, migrations: files.migrationsDir };
  try {
    await writeFile(main, files.script);
    if (dryRun) {
      await writeFile(config, deployConfig(toml, { ...parts, databaseId: null }));
      await succeed(wrangler(argv.deploy({ config, secrets: null, domain, dryRun })), 'The dry run failed.');
      return { url: null, adminToken: null, firstHost: null };
    }
    tell(`Account: ${await accountOf(wrangler)}`);
    await writeFile(config, deployConfig(toml, { ...parts, databaseId: await databaseOf(wrangler, tell) }));
    await ensureQueue(wrangler, queueIn(toml), tell);
    const known = await whatIsKnown(wrangler, config);
    if (known.hasAuthority && !withoutAuthority) await refuseLostNamespace(wrangler, nameIn(toml));
    await succeed(wrangler(argv.migrate(config)), 'The database’s migrations failed.');
    if (restored) await succeed(wrangler(argv.query(config, distrustStatement)), 'The records cannot be marked.');
    const adminToken = known.hasToken ? null : newToken('sfy');
    const secrets = adminToken === null ? null : join(dir, 'secrets.json');
    if (adminToken !== null && secrets !== null)
      await writeFile(secrets, JSON.stringify({ BOOTSTRAP_TOKEN_HASH: await hashToken(adminToken) }), { mode: 0o600 });
    const joinToken = adminToken === null ? null : await enterFirstHost(wrangler, config, host);
    tell('Deploying.');
    const env = { WRANGLER_OUTPUT_FILE_PATH: output };
    const deploying = wrangler(argv.deploy({ config, secrets, domain, dryRun }), { env });
    await succeed(deploying, 'The deployment failed.');
    return {
      url: await addressIn(output, domain),
      adminToken,
      firstHost: joinToken === null ? null : { name: host, joinToken },
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function accountOf(wrangler: Wrangler): Promise<string> {
  const ran = await wrangler(argv.whoami());
  if (ran.code !== 0)
    throw new CliError('not_logged_in', 'You are not logged in to Cloudflare.', exitCodes.no_access, [
      'Log in: npx wrangler login. Or set CLOUDFLARE_API_TOKEN.',
    ]);
  const { accounts } = parsed(ran, z.object({ accounts: z.array(z.object({ id: z.string(), name: z.string() })) }));
  const wanted = process.env.CLOUDFLARE_ACCOUNT_ID;
  const account = wanted ? accounts.find(({ id }) => id === wanted) : accounts[0];
  if (account && (wanted || accounts.length === 1)) return account.name;
  const list = accounts.map(({ id, name }) => `${name}: ${id}`);
  throw new CliError('which_account', 'Which account should it be deployed to?', exitCodes.usage, [
    'Set CLOUDFLARE_ACCOUNT_ID to one of these:',
    ...list,
  ]);
}

async function databaseOf(wrangler: Wrangler, tell: (line: string) => void): Promise<string> {
  const find = async () => {
    const listed = await succeed(wrangler(argv.listDatabases()), 'The databases cannot be listed.');
    const databases = parsed(listed, z.array(z.object({ uuid: z.string(), name: z.string() })));
    return databases.find(({ name }) => name === argv.databaseName)?.uuid;
  };
  const found = await find();
  if (found) return found;
  tell(`Creating the database ${argv.databaseName}.`);
  await succeed(wrangler(argv.createDatabase()), 'The database cannot be created.');
  const made = await find();
  if (!made) throw new CliError('deploy_failed', 'The database was created but is not listed.', exitCodes.failure);
  return made;
}

async function ensureQueue(wrangler: Wrangler, queue: string, tell: (line: string) => void): Promise<void> {
  if ((await wrangler(argv.queueInfo(queue))).code === 0) return;
  tell(`Creating the queue ${queue}.`);
  await succeed(wrangler(argv.createQueue(queue)), 'The queue cannot be created.');
}

async function rowsOf(wrangler: Wrangler, config: string, sql: string) {
  const ran = await succeed(wrangler(argv.query(config, sql)), 'The database cannot be queried.');
  return parsed(ran, z.array(z.object({ results: z.array(z.record(z.string(), z.unknown())) })))[0]?.results ?? [];
}

/** Resolves to its join token; null if it has joined already. */
async function enterFirstHost(wrangler: Wrangler, config: string, name: string): Promise<string | null> {
  const { statement, joinToken } = await firstHost(name, Date.now());
  return (await rowsOf(wrangler, config, statement)).length > 0 ? joinToken : null;
}

/** Asks for the tables first: a new database has none. */
async function whatIsKnown(wrangler: Wrangler, config: string) {
  const rows = (sql: string) => rowsOf(wrangler, config, sql);
  const tables = new Set(
    (await rows("SELECT name FROM sqlite_schema WHERE name IN ('fleet', 'api_token')")).map(({ name }) => name),
  );
  return {
    hasAuthority: tables.has('fleet') && (await rows('SELECT id FROM fleet LIMIT 1')).length > 0,
    hasToken:
      tables.has('api_token') && (await rows("SELECT id FROM api_token WHERE id LIKE 'tok%' LIMIT 1")).length > 0,
  };
}

/** Refuses to replace a deleted Worker: the authority's key was in its Durable Object, and is gone with it. */
async function refuseLostNamespace(wrangler: Wrangler, worker: string): Promise<void> {
  const { code, out, err } = await wrangler(argv.listDeployments(worker));
  if (code === 0) return;
  if (!/10007|does not exist/.test(out + err)) throw failed('The deployments cannot be listed.', { code, out, err });
  throw new CliError(
    'authority_lost',
    `The database has a fleet, but there is no Worker "${worker}": the key of the certificate authority is gone with it.`,
    exitCodes.conflict,
    [
      'Nothing was deployed. Is this the right account?',
      'Where the Worker was deleted and its keys were exported: stackferry deploy --without-authority, then stackferry authority import FILE.',
      'Where they were not: delete the database (wrangler d1 delete stackferry), deploy again, and join every host and relay again.',
    ],
  );
}

async function addressIn(output: string, domain: string | null): Promise<string> {
  const lines = (await readFile(output, 'utf8')).trim().split('\n');
  const deployed = lines.map((line) => JSON.parse(line) as { type: string; targets?: string[] });
  const targets = deployed.findLast(({ type }) => type === 'deploy')?.targets ?? [];
  const url = domain === null ? targets.find((target) => target.startsWith('https://')) : `https://${domain}`;
  if (url) return new URL(url).origin;
  throw new CliError('deploy_failed', 'It is deployed, but has no address.', exitCodes.failure, [
    'Enable the account’s workers.dev subdomain, or give it a domain: --domain HOST',
  ]);
}

async function succeed(running: Promise<Ran>, otherwise: string): Promise<Ran> {
  const ran = await running;
  if (ran.code !== 0) throw failed(otherwise, ran);
  return ran;
}

const failed = (what: string, ran: Ran) =>
  new CliError('deploy_failed', what, exitCodes.failure, [
    ...lastLines(ran),
    'Fix it, then repeat: stackferry deploy continues where it stopped.',
  ]);

function parsed<T>({ out }: Ran, shape: z.ZodType<T>): T {
  return shape.parse(JSON.parse(out));
}
