import type { ContainerLog } from '../../../schema/agent-protocol.ts';
import { type ErrorCode, StackferryError } from '../../../schema/errors.ts';
import { limits } from '../../../schema/limits.ts';
import type { ContainerState } from '../../engine/engine.ts';
import type { CommandContext } from '../runner/context.ts';

/** A service failed its verification: `unhealthy` or `health_timeout`. */
export class UnwellService extends StackferryError {
  readonly service: string;
  /** The last lines of its container; null if they were not read. */
  containerLog: ContainerLog | null = null;

  constructor(code: ErrorCode, message: string, service: string) {
    super(code, message);
    this.service = service;
  }
}

/** Adds the last log lines of the failing container, redacted. Never throws: the failure itself counts more. */
export async function withContainerLog(
  error: unknown,
  watched: string[],
  { engine, log }: Pick<CommandContext, 'engine' | 'log'>,
): Promise<unknown> {
  if (!(error instanceof UnwellService) || !engine.lastLines) return error;
  try {
    const own = (await engine.inspectContainers(watched)).filter(({ service }) => service === error.service);
    const failing = own.find(isDown) ?? own[0];
    if (!failing) return error;
    const lines = await engine.lastLines(failing.id, limits.agent.logTailLinesMax);
    // Together: a key in PEM goes over several lines.
    const redacted = log.redact(lines.join('\n')).split('\n');
    error.containerLog = { service: error.service, lines: withinBytes(redacted.map((line) => line.slice(0, 1000))) };
  } catch (cause) {
    log.warn('the log of a container that failed could not be read', { service: error.service, error: cause });
  }
  return error;
}

const isDown = ({ state, health }: ContainerState) => state !== 'running' || health === 'unhealthy';

/** The last lines that fit the bound. */
function withinBytes(lines: string[]): string[] {
  const kept: string[] = [];
  let bytes = 0;
  for (const line of lines.toReversed()) {
    bytes += Buffer.byteLength(line) + 1;
    if (bytes > limits.agent.logTailBytesMax) break;
    kept.unshift(line);
  }
  return kept;
}
