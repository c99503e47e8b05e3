import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { startControlPlane } from '../../cli/local/start.ts';

/** A control plane in a process of its own, so that it can be killed. `node control-process.ts --data DIR --host H --port P`. */
export interface ControlProcess {
  url: string;
  /** Of the first start. */
  adminToken: string;
  kill(): Promise<void>;
  /** On the same state and address. */
  restart(): Promise<void>;
}

export async function startControlProcess(dataDir: string, host: string, port: number): Promise<ControlProcess> {
  const launch = async (): Promise<{ child: ChildProcess; adminToken: string | null }> => {
    const args = [import.meta.filename, '--data', dataDir, '--host', host, '--port', String(port)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    const ended = once(child, 'exit').then(() => Promise.reject(new Error('the control plane did not start')));
    ended.catch(() => {});
    const [bytes] = (await Promise.race([once(child.stdout!, 'data'), ended])) as [Buffer];
    return { child, ...(JSON.parse(String(bytes)) as { adminToken: string | null }) };
  };
  let running = await launch();
  const kill = async () => {
    const { child } = running;
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return {
    url: `http://${host}:${port}`,
    adminToken: running.adminToken ?? '',
    kill,
    restart: async () => {
      await kill();
      // workerd goes with it, but not in the same moment.
      for (let tries = 0; ; tries++) {
        const started = await launch().catch((error) => {
          if (tries >= 20) throw error;
          return null;
        });
        if (started) {
          running = started;
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    },
  };
}

if (import.meta.main) {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ options: { data: text, host: text, port: text } });
  const { adminToken } = await startControlPlane({
    dataDir: values.data!,
    host: values.host!,
    port: Number(values.port),
    onLog: () => {},
  });
  process.stdout.write(JSON.stringify({ adminToken }));
}
