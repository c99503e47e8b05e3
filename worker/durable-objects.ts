import type { Env } from './env.ts';
import { type NodePresence, noPresence } from './rpc.ts';

export const connectionOf = (env: Env, nodeId: string) =>
  env.HOST_CONNECTION.get(env.HOST_CONNECTION.idFromName(nodeId));

export const migrationsOf = (env: Env, stackId: string) =>
  env.STACK_MIGRATION.get(env.STACK_MIGRATION.idFromName(stackId));

export const drainOf = (env: Env, drainId: string) => env.HOST_DRAIN.get(env.HOST_DRAIN.idFromName(drainId));

export const meterOf = (env: Env, tokenId: string) => env.TOKEN_METER.get(env.TOKEN_METER.idFromName(tokenId));

export const fleetOf = (env: Env) => env.FLEET_AUTHORITY.get(env.FLEET_AUTHORITY.idFromName('fleet'));

/** Asks the live connection: what is stored of it outlives a deploy that cut the socket. */
export async function isOnline(env: Env, nodeId: string): Promise<boolean> {
  try {
    return await connectionOf(env, nodeId).online();
  } catch {
    return false;
  }
}

export async function presenceOf(env: Env, nodeId: string): Promise<NodePresence> {
  try {
    return await connectionOf(env, nodeId).presence();
  } catch {
    return noPresence;
  }
}
