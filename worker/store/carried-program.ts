import { agentVersion } from '../../node/version.ts';
import type { Env } from '../env.ts';

/** A file below `/install/`, null if this control plane carries none of that name. */
export async function installFile({ ASSETS }: Env, name: string): Promise<string | null> {
  const response = await ASSETS.fetch(`https://assets/install/${name}`);
  // Its type is one that `text()` warns of.
  return response.ok ? new TextDecoder().decode(await response.arrayBuffer()) : null;
}

/** The agent that this control plane serves at `/install/agent.js`; null if it carries none. */
export async function carriedAgent(env: Env): Promise<{ version: string; sha256: string } | null> {
  const sums = await installFile(env, 'SHA256SUMS');
  const sha256 = sums && /^([0-9a-f]{64}) {2}agent\.js$/m.exec(sums)?.[1];
  return sha256 ? { version: agentVersion, sha256 } : null;
}
