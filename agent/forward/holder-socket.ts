import { randomBytes } from 'node:crypto';
import { openSync } from 'node:fs';
import { chmod, rename, rm, stat } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { sleep } from '../../node/sleep.ts';
import { limits } from '../../schema/limits.ts';

/**
 * The holder's socket. It lies in the state directory, which only the agent's user can enter. Its name is the holder's
 * claim: a process whose socket is not at the name any more has lost it, also if the directory was removed.
 */
const socketName = 'connection-holder.sock';

/** Of an address, in bytes. */
const addressMax = 107;
const directories = new Map<string, number>();

/** A longer path is reached through a descriptor of its directory, which stays open. */
function addressIn(stateDir: string, name: string): string {
  const path = join(stateDir, name);
  if (Buffer.byteLength(path) <= addressMax) return path;
  const descriptor = directories.get(stateDir) ?? openSync(stateDir, 'r');
  directories.set(stateDir, descriptor);
  return `/proc/self/fd/${descriptor}/${name}`;
}

/** Connects to the holder of a state directory. Rejects with the socket's error if none listens. */
export function connectHolder(stateDir: string): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ path: addressIn(stateDir, socketName), allowHalfOpen: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject).on('error', () => socket.destroy());
      resolve(socket);
    });
  });
}

export interface HolderClaim {
  /** False once another process, or nothing, is at the name. */
  holds(): Promise<boolean>;
  /** Stops listening, and removes the name if it is still this process's. */
  release(): Promise<void>;
}

/**
 * Listens at the name, unless another process answers there: then null. The file of one that died is replaced. Of two that
 * claim it at once the later one has it, and the earlier one sees that.
 */
export async function claimHolder(stateDir: string, server: net.Server): Promise<HolderClaim | null> {
  const path = join(stateDir, socketName);
  const draftName = `${socketName}.${randomBytes(6).toString('hex')}`;
  const draft = join(stateDir, draftName);
  if (await answers(stateDir)) return null;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(addressIn(stateDir, draftName), () => {
      server.off('error', reject).on('error', () => {});
      resolve();
    });
  });
  await chmod(draft, 0o600);
  const { ino, dev } = await stat(draft);
  const holds = async () => {
    const there = await stat(path).catch(() => null);
    return there?.ino === ino && there.dev === dev;
  };
  const release = async () => {
    server.close();
    if (await holds()) await rm(path, { force: true });
  };
  await rename(draft, path);
  await sleep(limits.forward.holderClaimMs);
  if (await holds()) return { holds, release };
  await release();
  return null;
}

async function answers(stateDir: string): Promise<boolean> {
  try {
    (await connectHolder(stateDir)).destroy();
    return true;
  } catch {
    return false;
  }
}
