import { type Command, InvalidArgumentError, Option } from 'commander';
import { byteRate } from '../schema/byte-rate.ts';
import { limits } from '../schema/limits.ts';
import { modes, sizings } from '../schema/migration-status.ts';
import { type ExitCode, exitCodes } from './exit-code.ts';
import { tellProblem } from './output/problem.ts';
import { type GlobalOptions, openSession, type Session } from './session.ts';

/** What several commands of the tree have in common. */
export const idHelp = 'id, or a beginning of it that fits only one';
export const yes = () => new Option('-y, --yes', 'do it without a question');

export function moveOptions(command: Command): Command {
  return command
    .argument('<stack>', 'its name')
    .requiredOption('--to <host>', 'where to, by name or id')
    .option('--from <host>', 'where several hosts run one of that name')
    .addOption(modeOption())
    .addOption(
      new Option('--sizing <sizing>', 'room for what the host uses, or the stack').choices(sizings).default('host'),
    )
    .addOption(acceptUnmoved());
}

export const modeOption = () =>
  new Option('--mode <mode>', 'copy while stopped, or first while it runs').choices(modes).default('stop-copy');

export const acceptUnmoved = () =>
  new Option(
    '--accept-unmoved',
    'go although anonymous volumes hold data, or bind mounts are absent on the target: neither moves',
  );

export function onMigration(
  program: Command,
  name: string,
  does: string,
  watches = 'stay, and follow it to its end',
): Command {
  return program.command(name).description(does).argument('<id>', idHelp).option('--watch', watches);
}

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > limits.cli.listItemsMax)
    throw new InvalidArgumentError(`A number from 1 to ${limits.cli.listItemsMax}.`);
  return value;
}

/** Bytes per second. */
export function rate(text: string): number {
  const parsed = byteRate.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError(parsed.error.issues.map(({ message }) => message).join('; '));
}

/** As `rate`, or null for no bound. */
export const rateOrNone = (text: string): number | null => (text === 'none' ? null : rate(text));

type Handler = (session: Session, ...args: never[]) => Promise<ExitCode> | Promise<void>;

/** Commander gives a command its arguments, its options and itself; what it throws is told here, by its code. */
export function runner(done: (code: ExitCode) => void) {
  return (handler: Handler) =>
    async (...args: unknown[]) => {
      const command = args.pop() as Command;
      const session = openSession(command.optsWithGlobals<GlobalOptions>());
      try {
        done((await handler(session, ...(args as never[]))) ?? exitCodes.done);
      } catch (error) {
        done(tellProblem(session.term, error));
      }
    };
}
