#!/usr/bin/env node
// Stands for `wrangler` and an account: records what it is asked, and answers in the shape of the real one (4.155).
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';

const args = process.argv.slice(2);
const dir = process.env.FAKE_ACCOUNT;
const path = `${dir}/account.json`;
const account = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
const flag = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const config = flag('--config') && readFileSync(flag('--config'), 'utf8');
const secrets = flag('--secrets-file') && JSON.parse(readFileSync(flag('--secrets-file'), 'utf8'));
const input = args[0] === 'secret' ? readFileSync(0, 'utf8') : undefined;
appendFileSync(`${dir}/calls.ndjson`, `${JSON.stringify({ args, config, secrets, input })}\n`);
const say = (value) => console.log(JSON.stringify(value));
const fail = (why) => {
  console.error(`✘ [ERROR] ${why}`);
  process.exit(1);
};

const [first, second] = args;
if (account.failing === `${first} ${second}`) fail('A request to the Cloudflare API failed. [code: 10000]');
if (first === 'whoami')
  account.loggedOut
    ? fail('loggedIn: false')
    : say({ loggedIn: true, accounts: account.accounts ?? [{ id: 'a1', name: 'Mine' }] });
else if (first === 'd1' && second === 'list')
  say(account.database ? [{ uuid: account.database, name: 'stackferry' }] : []);
else if (first === 'd1' && second === 'create') account.database = '11111111-2222-4333-8444-555555555555';
else if (first === 'd1' && second === 'execute') {
  const sql = flag('--command');
  const results = sql.includes('sqlite_schema')
    ? account.migrated
      ? [{ name: 'fleet' }, { name: 'api_token' }]
      : []
    : sql.startsWith('INSERT') || (sql.includes('fleet') ? account.fleet : account.token)
      ? [{ id: 1 }]
      : [];
  say([{ results, success: true, meta: {} }]);
} else if (first === 'd1') account.migrated = true;
else if (first === 'queues' && second === 'info') account.queue || fail('Queue "stackferry-webhooks" does not exist.');
else if (first === 'queues') account.queue = true;
else if (first === 'deployments')
  account.worker ? say([]) : fail('This Worker does not exist on your account. [code: 10007]');
else if (first === 'secret')
  account.worker ? console.log('Success!') : fail('This Worker does not exist on your account. [code: 10007]');
else if (first === 'deploy') {
  account.worker = true;
  appendFileSync(
    process.env.WRANGLER_OUTPUT_FILE_PATH,
    `${JSON.stringify({ type: 'deploy', version: 1, targets: ['https://stackferry.mine.workers.dev'] })}\n`,
  );
} else fail(`Unknown argument: ${first}`);
writeFileSync(path, JSON.stringify(account));
