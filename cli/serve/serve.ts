import { unwatchFile, watchFile } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { agentVersion } from '../../node/version.ts';
import { type RunningRelay, runRelay } from '../../relay/main.ts';
import { errorMessageOf } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { CliError, exitCodes } from '../exit-code.ts';
import { type ControlPlane, knownMigrations, startControlPlane } from '../local/start.ts';
import { type DataLock, lock } from './data-lock.ts';
import { openDataDir, readState, writeState } from './data-state.ts';
import { cannotListen, type Front, openFront } from './front.ts';
import { hasOpen } from './pause.ts';
import { refuseInterruptedRestore } from './restore.ts';
import { readCertificate, type ServeSettings } from './settings.ts';
import { controlDir, databasePath } from './snapshot.ts';
import { copyBeforeUpgrade } from './upgrade.ts';

export interface Served {
  /** A token that its first use turns into the admin token; null once one exists. */
  adminToken: string | null;
  /** Time of the backup, at the first start after a restore; otherwise null. */
  restoredFrom: string | null;
  /** Path of the copy made before this version changed the directory; null if none was needed. */
  upgradeCopy: string | null;
  close(): Promise<void>;
}

/**
 * Starts a control plane and its relay on one machine:
 *
 *   1. lock the data directory
 *   2. open the front, which answers 503 until workerd runs
 *   3. refuse a directory of a newer version; copy one that this version is about to change
 *   4. migrate the database, and start workerd with the Worker
 *   5. start the relay, enrolled at the first start; one that is turned away keeps nobody waiting
 *
 * A failure closes what was opened before it.
 */
export async function serve(settings: ServeSettings, log: (line: string) => void): Promise<Served> {
  const { dataDir, relay: relaySettings } = settings;
  const opened: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const end of opened.splice(0).reverse()) await end().catch((error) => log(errorMessageOf(error)));
  };
  try {
    const tls = settings.tls && (await readCertificate(settings.tls));
    await openDataDir(dataDir);
    const held = await lock(dataDir);
    opened.push(() => held.release());
    await refuseInterruptedRestore(dataDir);
    await endLeftovers(dataDir, held);

    let control: ControlPlane | null = null;
    const front = await openFront({
      ...settings,
      tls,
      backend: () => control && placeOf(control.url),
    });
    opened.push(() => front.close());
    if (settings.tls) opened.push(watchCertificate(settings.tls, front, log));

    const upgradeCopy = await copyBeforeUpgrade(dataDir, await knownMigrations());
    control = await startControl(settings, log);
    const { close: stopControl, workerPid, adminToken } = control;
    opened.splice(1, 0, stopControl);
    await held.note(workerPid);
    const before = await readState(dataDir);
    await writeState(dataDir, { version: agentVersion });
    if (before?.restored_from) await control.tick();

    if (relaySettings) {
      const relay = await startRelay(settings, relaySettings, control, log);
      opened.push(() => relay.close());
    }
    return { adminToken, restoredFrom: before?.restored_from ?? null, upgradeCopy, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Settings of the Worker that it has from this environment, besides those of the login. */
const passedOn = ['SAFETY_WINDOW_HOURS', 'RETENTION_DAYS', 'RATE_LIMIT_PER_MINUTE', 'DEVELOPMENT'];

const startControl = ({ dataDir, publicUrl, oidc }: ServeSettings, onLog: (line: string) => void) =>
  startControlPlane({
    dataDir: join(dataDir, controlDir),
    // Only the front connects to it.
    host: '127.0.0.1',
    port: 0,
    onLog,
    carryNodeIn: join(dataDir, 'assets'),
    vars: {
      PUBLIC_URL: publicUrl,
      ...oidc,
      ...Object.fromEntries(passedOn.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []))),
    },
  });

async function startRelay(
  { dataDir }: ServeSettings,
  settings: NonNullable<ServeSettings['relay']>,
  control: ControlPlane,
  log: (line: string) => void,
): Promise<RunningRelay> {
  const stateDir = join(dataDir, 'relay');
  const joined = await stat(join(stateDir, 'identity.json')).catch(() => null);
  const relay = await runRelay({
    // Not through the front, whose certificate is for the public name.
    controlUrl: control.url,
    stateDir,
    joinToken: joined ? undefined : await control.relayJoinToken(),
    ...settings,
  });
  const refused = relay.refused.then(() => {
    throw new CliError('relay_removed', 'The relay of this control plane was deleted.', exitCodes.conflict, [
      `To have it join again, remove ${stateDir}; to go on without it, add --no-relay.`,
    ]);
  });
  try {
    const { relayWaitMsMax } = limits.serve;
    const late = sleep(relayWaitMsMax, 'late', { ref: false });
    if ((await Promise.race([relay.connected, refused, late])) === 'late') {
      log(
        `The relay has been turned away for ${relayWaitMsMax / 1000} s; its log says why. It goes on trying. If the keys of the fleet were lost, stop this and run: stackferry authority import FILE`,
      );
      // A later failure is logged, and a relay that can't listen must not count as online.
      Promise.all([relay.connected, refused]).catch(async (error) => {
        log(`The relay has ended: ${errorMessageOf(error)}`);
        await relay.close();
      });
    }
    return relay;
  } catch (error) {
    await relay.close();
    const { syscall } = error as NodeJS.ErrnoException;
    throw syscall === 'listen' ? cannotListen(error as Error, '--relay-listen', settings.listen) : error;
  }
}

/** Waits for the workerd of a killed process, which ends by itself: two must not write the same databases. */
async function endLeftovers(dataDir: string, { left }: DataLock): Promise<void> {
  const database = await databasePath(dataDir);
  if (!left?.workerd_pid || database === null) return;
  const bound = Date.now() + limits.serve.leftMsMax;
  while (await hasOpen(left.workerd_pid, database)) {
    if (Date.now() > bound) process.kill(left.workerd_pid, 'SIGKILL');
    await sleep(50);
  }
}

function watchCertificate(
  paths: NonNullable<ServeSettings['tls']>,
  front: Front,
  log: (line: string) => void,
): () => Promise<void> {
  const renew = () =>
    readCertificate(paths).then(
      (certificate) => {
        front.renew(certificate);
        log('the certificate was read again');
      },
      (error: unknown) => log(`the certificate in use stays: ${errorMessageOf(error)}`),
    );
  for (const path of [paths.certPath, paths.keyPath])
    watchFile(path, { interval: limits.serve.certificateLookMs, persistent: false }, () => void renew());
  return async () => {
    unwatchFile(paths.certPath);
    unwatchFile(paths.keyPath);
  };
}

function placeOf(url: string) {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}
