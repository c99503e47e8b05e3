import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ControlPlane, startControlPlane } from '../../cli/local/start.ts';

export interface TestControlPlane extends Pick<ControlPlane, 'url' | 'tick' | 'close'> {
  adminToken: string;
  log: string[];
  /** Restarts it on the same port and state, with other settings if given. */
  restart(vars?: Record<string, string>): Promise<void>;
}

/** The real control plane on workerd with a state of its own, gone after `close`. */
export async function testControlPlane({
  port = 0,
  vars,
}: {
  port?: number;
  /** Settings of the control plane. */
  vars?: Record<string, string>;
} = {}): Promise<TestControlPlane> {
  const dataDir = await mkdtemp(join(tmpdir(), 'stackferry-control-'));
  const log: string[] = [];
  const start = (on: number, set = vars) =>
    startControlPlane({
      ...{ dataDir, port: on, host: '127.0.0.1', onLog: (line) => void log.push(line) },
      ...(set ? { vars: set } : {}),
    });
  let plane = await start(port);
  const { url, adminToken } = plane;
  if (!adminToken) throw new Error('a fresh control plane came without a token');
  // Used once, so that it is the admin's from here on, through restarts.
  const used = await fetch(`${url}/api/v1/hosts`, { headers: { authorization: `Bearer ${adminToken}` } });
  if (!used.ok) throw new Error(`the first token was refused: ${used.status} ${await used.text()}`);
  return {
    url,
    adminToken,
    log,
    tick: (now) => plane.tick(now),
    restart: async (set) => {
      await plane.close();
      plane = await start(Number(new URL(url).port), set);
    },
    close: async () => {
      await plane.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
