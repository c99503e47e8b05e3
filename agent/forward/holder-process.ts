import { join } from 'node:path';
import { createLog } from '../../node/log.ts';
import { limits } from '../../schema/limits.ts';
import { boundedLogFile } from '../bounded-log-file.ts';
import { chooseFirewall, hostFamilies } from './firewall.ts';
import { openForwarding } from './forwarding.ts';
import { openHolderServer } from './holder-server.ts';
import type { OpenForwarding } from './takings.ts';

/**
 * `connection-holder STATE-DIR`: a process that the agent starts and that outlives it, one per state directory. It owns the
 * listeners, rules and connections of the stacks that left this host. Its state is in memory only: the agent's ledger is the
 * record.
 */
export async function holdConnections([stateDir = '']: string[]): Promise<void> {
  const log = createLog(boundedLogFile(join(stateDir, 'connection-holder.log'), limits.forward.holderLogBytesMax));
  process.on('uncaughtExceptionMonitor', (error) => log.error('the holder fails', { error, pid: process.pid }));
  const server = await openHolderServer({ stateDir, open: openHere, log });
  if (!server) return;
  log.info('holding', { pid: process.pid });
  const asked = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
      process.on(signal, () => void server.end(signal).then(resolve));
  });
  await Promise.race([server.ended, asked]);
  log.info('ended', { pid: process.pid });
}

const openHere: OpenForwarding = async (options) =>
  await openForwarding({ ...options, firewall: await chooseFirewall(), families: hostFamilies() });
