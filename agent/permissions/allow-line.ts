import { basename } from 'node:path';
import { shellWord } from '../../node/shell-word.ts';
import { limits } from '../../schema/limits.ts';
import { program } from '../program.ts';
import type { Arriving, Asked } from './asked.ts';
import { exactly } from './exactly.ts';
import { wordOf } from './grant-word.ts';

/** Compose's own rule. */
export const isStackName = (name: string): boolean => /^[a-z0-9][a-z0-9_-]*$/.test(name);
export const isHostId = (id: string): boolean => /^host_[0-9a-z]{26}$/.test(id);

/** Where install.sh puts the script that starts the agent, upgraded or not. */
const launcher = '/usr/lib/stackferry/agent/start';
/** The program in the image of deploy/docker. */
const inImage = '/usr/lib/stackferry/agent.js';

/**
 * Returns how this agent's program is called by a person on its host. `container`: the name of the container that it runs
 * in. `launched`: the launcher of install.sh started it.
 */
export function ownCommand({ container, launched }: { container: string | null; launched: boolean }): string[] {
  if (container === null && launched) return [launcher];
  const inside = program === inImage ? ['stackferry', 'agent'] : [process.execPath, program];
  if (container !== null) return ['docker', 'exec', container, ...inside];
  return basename(process.argv[1] ?? '') === 'stackferry' ? ['stackferry', 'agent'] : inside;
}

/**
 * Returns the command line that allows a stack exactly this, to be pasted; null if there is none: its source is not known,
 * or a name that comes from there can't be part of a line that a person reads.
 */
export function allowLine(
  command: string[],
  stateDir: string,
  { project, source }: Arriving,
  refused: Asked[],
): string | null {
  if (source === null || !isHostId(source) || !isStackName(project) || refused.length === 0) return null;
  const words = refused.map((asked) => wordOf({ power: asked.power, exactly: exactly(asked) }));
  const all = [...command, 'allow', project, '--from', source, ...new Set(words), '--state', stateDir];
  const line = all.map(shellWord).join(' ');
  return line.length > limits.agent.allowLineCharsMax || !isReadable(line) ? null : line;
}

/** No control or format characters, which could show another line than the one that is pasted. */
const isReadable = (line: string): boolean => !/[\p{C}\p{Zl}\p{Zp}`]/u.test(line);
