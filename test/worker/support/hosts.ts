import { env } from 'cloudflare:workers';
import { connectionOf } from '../../../worker/durable-objects.ts';
import { bindings, tokenWith } from './api.ts';
import { type JoinedNode, join } from './node.ts';
import { insertCommand, insertMigration, insertStack } from './records.ts';

export const connection = (node: { id: string }) => connectionOf(bindings, node.id);
export const stubOf = (node: { id: string }) => env.HOST_CONNECTION.get(env.HOST_CONNECTION.idFromName(node.id));
export const twoHosts = async () => {
  const admin = await tokenWith(['admin']);
  return { admin, a: await join(admin, 'host', 'a'), b: await join(admin, 'host', 'b') };
};

/** A migration of `shop` from a to b with one open command for a. */
export async function underWay(a: JoinedNode, b: JoinedNode) {
  const stack_id = await insertStack('shop', a.id);
  const ids = { stack_id, stack_name: 'shop', source_host_id: a.id, target_host_id: b.id };
  const migration = await insertMigration({ ...ids, status: 'stopping' });
  const command = `${migration}.1`;
  await insertCommand(migration, a.id, command);
  return { migration, command };
}
