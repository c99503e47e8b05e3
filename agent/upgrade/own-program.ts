import type { Log } from '../../node/log.ts';
import { sha256Of } from '../../node/sha256-of.ts';
import type { AgentProgram } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import type { AgentConfig } from '../config.ts';
import { liveGuard } from '../lease/guard-pidfile.ts';
import { program } from '../program.ts';
import { openPrograms, type Programs } from './programs.ts';
import { createUpgrade, type Upgrade } from './upgrade.ts';

/** The program file that this agent runs from, and its replacement by an upgrade. */
export interface OwnProgram {
  /** Sent to the control plane in the hello. */
  said: AgentProgram;
  /** Call it at each welcome. */
  cameOnline(): void;
  upgrade: Upgrade;
  /** Resolves when this agent must end, so that its service starts the new program. */
  replaced: Promise<void>;
}

export async function openOwnProgram(config: AgentConfig, log: Log): Promise<OwnProgram> {
  const programs = programsOf(config);
  const sha256 = await sha256Of(program);
  const replaced = Promise.withResolvers<void>();
  return {
    said: { sha256, auto: config.upgrade === 'auto', failed: (await programs?.failed()) ?? null },
    cameOnline: () =>
      void programs?.confirm().catch((error) => log.error('this program could not be made the current one', { error })),
    upgrade: createUpgrade({
      config,
      programs,
      sha256,
      guardAlive: async () => (await liveGuard(config.stateDir)) !== null,
      restart: () => void setTimeout(replaced.resolve, limits.upgrade.restartDelayMs),
      log,
    }),
    replaced: replaced.promise,
  };
}

/** Records why this agent cannot start, if it is on trial: the previous program reports it. */
export async function explainEnd(config: AgentConfig, why: string): Promise<void> {
  await programsOf(config)?.explain(why);
}

const programsOf = ({ programsDir }: AgentConfig): Programs | null =>
  programsDir === null ? null : openPrograms(programsDir, program);
