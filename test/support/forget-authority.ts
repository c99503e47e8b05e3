import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'vitest';

/** As if the objects' namespace had been lost, and nothing else. */
export async function forgetAuthority(data: string): Promise<void> {
  const objects = join(data, 'control/do/-FleetAuthority');
  const [name] = (await readdir(objects)).filter((file) => /^[0-9a-f]{64}\.sqlite$/.test(file));
  const database = new DatabaseSync(join(objects, name!));
  expect(database.prepare('DELETE FROM _cf_KV').run().changes).toBeGreaterThan(0);
  database.close();
}
