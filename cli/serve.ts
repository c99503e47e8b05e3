import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type RunningRelay, runRelay } from '../relay/main.ts';
import { errorMessageOf } from '../schema/errors.ts';
import { apiClient } from './api-client.ts';
import { startControlPlane } from './start.ts';

/**
 * `npm start`: the control plane and one relay, for real use on one machine. Their state is kept below `--data`, so the
 * next start goes on where this one ended. Hosts join with the tokens that `POST /api/v1/hosts` gives.
 */
const { values: flags } = parseArgs({
  options: {
    data: { type: 'string', default: '.data/serve' },
    /** Where hosts reach both. */
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '8787' },
    'relay-port': { type: 'string', default: '8788' },
  },
});

const dataDir = resolve(flags.data);
const control = await startControlPlane({
  dataDir: join(dataDir, 'control'),
  host: flags.host,
  port: Number(flags.port),
  vars: process.env.SAFETY_WINDOW_HOURS ? { SAFETY_WINDOW_HOURS: process.env.SAFETY_WINDOW_HOURS } : {},
});
let relay: RunningRelay | null = null;
try {
  relay = await runRelay({
    controlUrl: control.url,
    stateDir: join(dataDir, 'relay'),
    joinToken: await firstJoinToken(),
    listen: { host: flags.host, port: Number(flags['relay-port']) },
    advertise: { host: flags.host, port: Number(flags['relay-port']) },
    statusPort: Number(flags['relay-port']) + 1,
  });
  await relay.connected;
  tell();
  await new Promise<void>((stop) => {
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
  });
} catch (error) {
  process.stderr.write(`could not start: ${errorMessageOf(error)}\n`);
  process.exitCode = 1;
} finally {
  await relay?.close();
  await control.close();
}

/** A new control plane enrols its relay with its first token; later the relay has an identity of its own. */
async function firstJoinToken(): Promise<string | undefined> {
  if (!control.adminToken) return process.env.STACKFERRY_JOIN_TOKEN;
  const created = await apiClient(control.url, control.adminToken).post<{ join_token: string }>('/relays', {
    name: 'relay-1',
  });
  return created.join_token;
}

function tell(): void {
  const url = control.url;
  const lines = [
    `Stackferry runs at ${url}, in the browser too; its relay at ${flags.host}:${flags['relay-port']}; state in ${dataDir}`,
  ];
  if (control.adminToken)
    lines.push(
      `Admin token, shown this once: ${control.adminToken}`,
      `Log in with it: npx stackferry login ${url}`,
      'Then let hosts join: npx stackferry join NAME',
    );
  process.stdout.write(`${lines.join('\n')}\n`);
}
