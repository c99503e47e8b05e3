import type { Argument, Command, Option } from 'commander';
import { tokenView } from '../../schema/api/access.ts';
import { drainView } from '../../schema/api/drains.ts';
import { migrationView } from '../../schema/api/migrations.ts';
import { webhookView } from '../../schema/api/webhooks.ts';
import { limits } from '../../schema/limits.ts';
import { listAll, listHosts, listRelays, listStacks } from '../find.ts';
import { readLogins } from '../login-file.ts';
import type { Session } from '../session.ts';
import { commandAt, optionsOf } from '../unknown-command.ts';

/**
 * Each script runs `stackferry __complete -- WORDS…`, the last word being the one under the cursor, and gets
 * candidates, one per line: completion is derived from the command tree and the fleet in one place.
 */
const scripts = {
  bash: `_stackferry() {
  local IFS=$'\\n'
  COMPREPLY=($(stackferry __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _stackferry stackferry
`,
  zsh: `#compdef stackferry
_stackferry() {
  local -a candidates
  candidates=("\${(@f)$(stackferry __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a candidates
}
compdef _stackferry stackferry
`,
  fish: `function __stackferry_complete
  set -l words (commandline -opc) (commandline -ct)
  stackferry __complete -- $words[2..-1] 2>/dev/null
end
complete -c stackferry -f -a '(__stackferry_complete)'
`,
};

export async function completion(_session: Session, shell: keyof typeof scripts) {
  process.stdout.write(scripts[shell]);
}

/** Prints candidates for the last word. Leaves out names that cannot be fetched. */
export async function suggest(session: Session, program: Command, words: string[]) {
  const prefix = words.at(-1) ?? '';
  const { command, position, option } = placeOf(program, words.slice(0, -1));
  const candidates = option
    ? await valuesOf(session, program, option.argChoices, nameIn(option.flags))
    : prefix.startsWith('-')
      ? optionsOf(command).flatMap(({ long, hidden }) => (long && !hidden ? [long] : []))
      : [
          ...(position === 0 ? command.commands : []).flatMap((sub) => (isHidden(command, sub) ? [] : [sub.name()])),
          ...(await argumentValues(session, program, command.registeredArguments[position])),
        ];
  session.term.out(...candidates.filter((candidate) => candidate.startsWith(prefix)));
}

/**
 * Resolves the words before the cursor to a command, its number of given arguments, and an option that needs a value.
 */
function placeOf(program: Command, words: string[]): { command: Command; position: number; option: Option | null } {
  let command = program;
  let position = 0;
  let option: Option | null = null;
  for (const word of words) {
    if (option) {
      option = null;
      continue;
    }
    if (word.startsWith('-')) {
      const given = optionsOf(command).find(({ long, short }) => long === word || short === word);
      option = given && (given.required || given.optional) ? given : null;
      continue;
    }
    const sub = position === 0 ? commandAt(command, [word]).command : command;
    if (sub !== command) command = sub;
    else position++;
  }
  return { command, position, option };
}

const isHidden = (parent: Command, sub: Command) => !parent.createHelp().visibleCommands(parent).includes(sub);

const nameIn = (flags: string) => /<(.+)>/.exec(flags)?.[1] ?? '';

const argumentValues = async (session: Session, program: Command, argument: Argument | undefined) =>
  argument ? valuesOf(session, program, argument.argChoices, argument.name()) : [];

/** Names of hosts, relays, stacks and migrations, selected by the argument's name in the command tree. */
async function valuesOf(
  session: Session,
  program: Command,
  choices: readonly string[] | undefined,
  name: string,
): Promise<string[]> {
  if (choices) return [...choices];
  const names: Record<string, () => Promise<string[]>> = {
    host: async () => (await listHosts(await session.api())).map((host) => host.name),
    relay: async () => (await listRelays(await session.api())).map((relay) => relay.name),
    stack: async () => [...new Set((await listStacks(await session.api())).map((stack) => stack.name))],
    webhook: async () => (await listAll(await session.api(), '/webhooks', webhookView)).map(({ id }) => id),
    drain: async () =>
      (await listAll(await session.api(), '/drains', drainView, limits.control.pageSizeDefault)).map(({ id }) => id),
    token: async () =>
      (await listAll(await session.api(), '/tokens', tokenView))
        .filter(({ status }) => status === 'active')
        .map(({ id }) => id),
    command: async () =>
      program
        .createHelp()
        .visibleCommands(program)
        .map((sub) => sub.name()),
    profile: async () => [...(await readLogins(session.env)).profiles.keys()],
    id: async () =>
      (await listAll(await session.api(), '/migrations', migrationView, limits.control.pageSizeDefault)).map(
        ({ id }) => id,
      ),
  };
  const late = new Promise<string[]>((resolve) => setTimeout(resolve, limits.cli.completionMsMax, []).unref());
  return Promise.race([names[name]?.().catch(() => []) ?? [], late]);
}
