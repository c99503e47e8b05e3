/** The blocks of a page that begin "```sh" or "```sh MACHINE". */
export const shellBlocks = (page: string): string[] =>
  [...page.matchAll(/^```sh(?: [a-z-]+)?\n([\s\S]*?)^```$/gm)].map(([, block]) => block!);

/** `stackferry …` in its sentences and tables; one with "…" or a choice is only named. */
export const inlineCommands = (page: string): string[] =>
  [...page.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/`((?:npx )?stackferry\s[^`]+)`/g)]
    .map(([, command]) => command!.replaceAll(/\s+/g, ' '))
    .filter((command) => !/[…|]/.test(command));

/**
 * The simple commands of a shell script, each as its words: of pipes, lists and `$( )`, without comments, redirections
 * and here-documents. Enough for what documentation shows; variables stay as they are.
 */
export function commandsOf(script: string): string[][] {
  const inner: string[] = [];
  const outer = withoutHereDocuments(script.replaceAll('\\\n', ' ')).replaceAll(
    /\$\(([^()]*)\)/g,
    (_, text: string) => {
      inner.push(text);
      return '$inner';
    },
  );
  return [...outer.split('\n').flatMap(commandsOfLine), ...inner.flatMap(commandsOf)];
}

const withoutHereDocuments = (script: string) => script.replaceAll(/<<-?\s*'?(\w+)'?[^\n]*\n[\s\S]*?\n\1$/gm, '');

/** A separator, or a word of quoted and bare parts. */
const tokens = /[|&;]+|(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"|&;\\])+/g;

function commandsOfLine(line: string): string[][] {
  const commands: string[][] = [[]];
  let skips = 0;
  for (const [token] of line.matchAll(tokens)) {
    if (token.startsWith('#')) break;
    if (/^[|&;]+$/.test(token)) commands.push([]);
    else if (skips > 0) skips -= 1;
    else if (/^\d?[<>]/.test(token)) skips = /^\d?[<>]+$/.test(token) ? 1 : 0;
    else commands.at(-1)!.push(token.replaceAll(/'([^']*)'|"((?:\\.|[^"\\])*)"/g, '$1$2'));
  }
  return commands.filter((words) => words.length > 0);
}

/** The arguments of a command that runs `stackferry`, from the package too; null for any other. */
export function stackferryArguments(words: string[]): string[] | null {
  const at = words.lastIndexOf('stackferry');
  const isBefore = (word: string) =>
    /^(npx|sudo|until|if|while|do|then|!|--package|stackferry|wrangler|\w+=.*)$/.test(word);
  return at >= 0 && words.slice(0, at).every(isBefore) ? words.slice(at + 1) : null;
}
