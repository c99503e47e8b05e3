import { applyD1Migrations, reset } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach } from 'vitest';

const resetsMax = 5;

beforeEach(async () => {
  await emptied();
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
});
afterEach(() => reset());

/**
 * What the last test left under way can open the database while `reset` deletes it: it then lives on with its rows,
 * and the objects' storage is gone.
 */
async function emptied(): Promise<void> {
  for (let resets = 0; await holdsTables(); resets++) {
    if (resets === resetsMax) throw new Error(`The database holds tables after ${resets} resets.`);
    await reset();
  }
}

const holdsTables = async () =>
  (await env.DB.prepare("SELECT 1 FROM sqlite_master WHERE name = 'fleet'").first()) !== null;
