import { type Command, InvalidArgumentError, Option } from 'commander';
import { everyBind } from '../schema/bind-choice.ts';
import { byteRate } from '../schema/byte-rate.ts';
import { cutoverName } from '../schema/cutover-names.ts';
import { limits } from '../schema/limits.ts';
import { modes, sizings } from '../schema/migration-status.ts';
import { consentFlags } from './consents.ts';
import { type ExitCode, exitCodes } from './exit-code.ts';
import { tellProblem } from './output/problem.ts';
import { type GlobalOptions, openSession, type Session } from './session.ts';

/** Parts shared by several commands. */
export const idHelp = 'id, or a unique prefix of it';
export const yes = () => new Option('-y, --yes', 'do not ask for confirmation');

export function moveOptions(command: Command): Command {
  command
    .argument('<stack>', 'its name')
    .requiredOption('--to <host>', 'target host, by name or id')
    .option('--from <host>', 'if several hosts run a stack of that name')
    .addOption(modeOption())
    .addOption(
      new Option('--sizing <sizing>', 'required room: usage of the host, or of the stack')
        .choices(sizings)
        .default('host'),
    )
    .addOption(binds())
    .addOption(variables())
    .addOption(exclusions())
    .addOption(proxiedPorts())
    .addOption(cutoverNamesOption());
  return addAll(command, consentFlags());
}

export const modeOption = () =>
  new Option('--mode <mode>', 'copy while the stack is stopped, or first while it runs')
    .choices(modes)
    .default('stop-copy');

export const addAll = (command: Command, options: Option[]): Command =>
  options.reduce((on, option) => on.addOption(option), command);

const collected = (one: string, before: string[] = []) => [...before, one];

const binds = () =>
  new Option(
    '--bind <path>',
    'also move the data of bind mounts: those at or below a path, "/path=/place" for another place on the target, or "all"; repeatable',
  ).argParser(collected);

const variables = () =>
  new Option(
    '--env <name=value>',
    'a variable of the shell that started the stack, if its files use it, like HOME=/home/ann; kept with the stack; no secrets; repeatable',
  ).argParser(collected);

export const exclusions = () =>
  new Option(
    '--exclude <pattern>',
    'leave out what matches, in the project directory and in bind mounts that move: an absolute path in which "*" and "?" match within a name and "**" directories; repeatable',
  ).argParser(collected);

const proxiedPorts = () =>
  new Option(
    '--proxy-protocol <port>',
    'with --forward: a published port whose app reads the PROXY protocol, and so learns its clients’ addresses; repeatable',
  ).argParser((text: string, before: number[] = []) => [...before, portNumber(text)]);

const cutoverNamesOption = () =>
  new Option(
    '--on-cutover-dns <zone/name>',
    'a DNS record at Cloudflare that the target’s agent points at the target once the stack has moved, and back after a rollback: example.com/shop.example.com; repeatable',
  ).argParser((text: string, before: string[] = []) => [...before, nameOf(text)]);

function nameOf(text: string): string {
  const parsed = cutoverName.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError(parsed.error.issues.map(({ message }) => message).join('; '));
}

function portNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 65_535) throw new InvalidArgumentError('A port, from 1 to 65535.');
  return value;
}

export const everyBindMount = () =>
  new Option('--bind <all>', 'also move the data of all bind mounts that can move').choices([everyBind]);

export const planFileOption = () =>
  new Option('--file <file>', 'as an edited plan says').conflicts([
    ...['writePlan', 'stack', 'to', 'mode', 'bind', 'exclude'],
    ...consentFlags().map((flag) => flag.attributeName()),
  ]);

export function onMigration(program: Command, name: string, does: string, watches = 'follow it to its end'): Command {
  return program.command(name).description(does).argument('<id>', idHelp).option('--watch', watches);
}

export const wholeNumberIn = (least: number, most: number) => (text: string) => {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most)
    throw new InvalidArgumentError(`A number from ${least} to ${most}.`);
  return value;
};

export const wholeNumber = wholeNumberIn(1, limits.cli.listItemsMax);

/** Parses bytes per second. */
export function rate(text: string): number {
  const parsed = byteRate.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError(parsed.error.issues.map(({ message }) => message).join('; '));
}

/** Parses a time with its zone; returns it as RFC 3339. */
export function zonedTime(text: string): string {
  const zoned = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d)?(Z|[+-]\d\d:\d\d)$/.exec(text);
  const at = zoned ? new Date(`${zoned[1]}T${zoned[2]}${zoned[3] ?? ':00'}${zoned[4]}`) : null;
  if (at && !Number.isNaN(at.getTime())) return at.toISOString();
  throw new InvalidArgumentError('A time with its zone, like 2026-12-01T03:00+01:00.');
}

/** Like `rate`, or null for "none". */
export const rateOrNone = (text: string): number | null => (text === 'none' ? null : rate(text));

type Handler = (session: Session, ...args: never[]) => Promise<ExitCode> | Promise<void>;

/**
 * Wraps a handler for Commander, which passes arguments, options and the command; prints errors and passes their exit
 * code on.
 */
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
