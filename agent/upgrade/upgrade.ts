import { existsSync } from 'node:fs';
import type { Log } from '../../node/log.ts';
import type { RequestPayload } from '../../schema/agent-protocol.ts';
import { StackferryError } from '../../schema/errors.ts';
import { updateLine } from '../../schema/install-line.ts';
import type { AgentConfig } from '../config.ts';
import { assertRuns, fetchProgram } from './fetch-program.ts';
import type { Programs } from './programs.ts';

/** The agent core's interface to an upgrade. */
export interface Idleness {
  /** What ending the agent would interrupt; null if nothing. */
  busyWith(): string | null;
  /** Stops accepting commands. Returns false, without effect, if the agent is busy. */
  closeIfIdle(): boolean;
}

export type Upgrade = (ask: RequestPayload<'upgrade'>, idleness: Idleness, signal: AbortSignal) => Promise<void>;

/**
 * Fetches and checks the new program, and has the next start try it. `restart` ends this agent once the answer is sent.
 * Its service then runs the launcher of install.sh, which goes back if the new program does not come online.
 */
export function createUpgrade(options: {
  config: Pick<AgentConfig, 'controlUrl' | 'upgrade'>;
  /** Null without a launcher that could go back. */
  programs: Programs | null;
  /** Digest of the program that runs. */
  sha256: string;
  guardAlive: () => Promise<boolean>;
  restart: () => void;
  log: Log;
}): Upgrade {
  const { config, guardAlive, log } = options;
  let underWay = false;

  const assertIdle = async (idleness: Idleness) => {
    const why = idleness.busyWith() ?? ((await guardAlive()) ? 'a lease guard' : null);
    if (why) throw busy(why);
  };

  const perform: Upgrade = async ({ sha256, version }, idleness, signal) => {
    const kept = assertAllowed(options);
    await assertIdle(idleness);
    await kept.confirm();
    const program = await fetchProgram(config.controlUrl, sha256, signal);
    await assertRuns(await kept.keep(sha256, program), version);
    await assertIdle(idleness);
    signal.throwIfAborted();
    await kept.tryNext(sha256);
    if (!idleness.closeIfIdle()) {
      await kept.forgetNext();
      throw busy(idleness.busyWith() ?? 'a command of a migration under way');
    }
    log.info(`this agent ends now, to start again as ${version} (${sha256.slice(0, 12)})`);
    options.restart();
  };

  return async (ask, idleness, signal) => {
    if (ask.sha256 === options.sha256)
      throw new StackferryError('already_current', 'This host runs that program already.');
    if (ask.automatic && config.upgrade !== 'auto')
      throw new StackferryError('not_upgradable', 'This agent was started without --auto-update.');
    if (underWay) throw new StackferryError('host_busy', 'An upgrade of this host is under way.');
    underWay = true;
    // Stays true after success: this process is about to end.
    await perform(ask, idleness, signal).catch((error) => {
      underWay = false;
      throw error;
    });
  };
}

const busy = (why: string) =>
  new StackferryError('host_busy', `This host has ${why}, which an upgrade would interrupt; try later.`);

function assertAllowed({ config, programs }: Parameters<typeof createUpgrade>[0]): Programs {
  if (config.upgrade !== 'never' && programs) return programs;
  if (!programs && existsSync('/.dockerenv')) throw new StackferryError('not_upgradable', recreate);
  const why =
    config.upgrade === 'never'
      ? 'This agent was started with --no-upgrade, so it takes no program from the control plane.'
      : "This agent's service is not of this version's install.sh, so nothing would go back if the new one failed.";
  throw new StackferryError('not_upgradable', `${why} On the host: ${updateLine(config.controlUrl)}`);
}

const recreate =
  'This agent runs in a container. On the host, load the new image, then "docker compose up -d" beside its Compose file, or "docker stop stackferry-agent", "docker rm stackferry-agent", and the "docker run" that started it.';
