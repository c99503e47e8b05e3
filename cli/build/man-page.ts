import type { Argument, Command, Help, Option } from 'commander';

/** What the page says besides the command tree. */
export interface ManParts {
  version: string;
  exitCodes: string;
  /** Usage texts of the programs that parse their own options, by heading. */
  programs: Record<string, string>;
}

/**
 * Makes `stackferry.1` from the command tree: each visible command and option, with the words of `--help`. In the macros of
 * man(7) that groff and mandoc share; without a date, so that the same sources make the same page.
 */
export function manPage(program: Command, { version, exitCodes, programs }: ManParts): string {
  const help = program.createHelp();
  const groups = help.groupItems([...program.commands], visible(help, program), (sub) => sub.helpGroup());
  return [
    `.TH STACKFERRY 1 "" "stackferry ${version}" "User Commands"`,
    ...section('NAME', `stackferry ${escaped('-')} ${text(program.description())}`),
    ...section('SYNOPSIS', `${bold('stackferry')} ${text('[options] command [arguments]')}`),
    ...section('DESCRIPTION', ...description.map(text)),
    ...section('OPTIONS', ...items(help.visibleOptions(program), optionOf(help))),
    ...[...groups].flatMap(([heading, commands]) =>
      section(heading.replace(/:$/, '').toUpperCase(), ...commands.flatMap((command) => entries(help, command, []))),
    ),
    ...Object.entries(programs).flatMap(([heading, usage]) => section(heading, ...asIs(usage))),
    ...section('EXIT STATUS', ...asIs(exitCodes.replace(/^.*\n/, ''))),
    ...section('ENVIRONMENT', ...items(Object.entries(environment), (entry) => entry)),
    ...section('FILES', ...items(Object.entries(files), (entry) => entry)),
    '',
  ].join('\n');
}

const description = [
  'Moves running Docker Compose stacks, volumes included, from one host to another. Each command asks a control plane, which',
  'has agents on the hosts do the work. Hosts and relays are named by name or id, migrations by id or a unique beginning of it.',
];
const environment = {
  STACKFERRY_URL: 'The control plane; wins over a stored login, as --url wins over it.',
  STACKFERRY_TOKEN: 'An API token for it.',
  STACKFERRY_PROFILE: 'The stored login to use, if there are several.',
  NO_COLOR: 'If set, output has no colours.',
};
const files = {
  '~/.config/stackferry/config.json':
    'Stored logins, below XDG_CONFIG_HOME if that is set. Readable by their owner only.',
};

/** A command with its arguments and options, and those below it. */
function entries(help: Help, command: Command, above: string[]): string[] {
  const inner = [
    ...items(help.visibleArguments(command), argumentOf(help)),
    ...items(help.visibleOptions(command).filter(notHelp), optionOf(help)),
  ];
  const term = ['stackferry', ...above, help.subcommandTerm(command)].join(' ');
  const path = [...above, command.name()];
  return [
    ...item(term, help.subcommandDescription(command), inner),
    ...visible(help, command).flatMap((sub) => entries(help, sub, path)),
  ];
}

const notHelp = ({ long }: Option) => long !== '--help';
const optionOf = (help: Help) => (option: Option) => [help.optionTerm(option), help.optionDescription(option)] as const;
const argumentOf = (help: Help) => (argument: Argument) => {
  const name = help.argumentTerm(argument);
  return [argument.required ? `<${name}>` : `[${name}]`, help.argumentDescription(argument)] as const;
};

/** Without the placeholder for a help command that the tree does not have. */
const visible = (help: Help, command: Command): Command[] =>
  help.visibleCommands(command).filter((sub) => command.commands.includes(sub));

const section = (heading: string, ...lines: string[]) => [`.SH ${heading}`, ...lines];
const items = <T>(list: T[], partsOf: (one: T) => readonly [string, string]) =>
  list.flatMap((one) => item(...partsOf(one)));
const item = (term: string, does: string, inner: string[] = []) => [
  ...['.TP', bold(term), text(does)],
  ...(inner.length > 0 ? ['.RS', ...inner, '.RE'] : []),
];
const asIs = (usage: string) => ['.nf', ...usage.split('\n').map(text), '.fi'];

const bold = (words: string) => `\\fB${escaped(words)}\\fR`;
/** A line that begins with a dot or an apostrophe would be a request. */
const text = (words: string) => escaped(words).replace(/^(?=[.'])/, '\\&');

/** Hyphens as they are typed, not as they are printed; other characters than ASCII by their code. */
const escaped = (words: string) =>
  words
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/[^ -~]/gu, (sign) => `\\[u${sign.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`);
