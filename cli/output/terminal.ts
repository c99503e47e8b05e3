import { styleText } from 'node:util';
import { plainJson } from './plain-text.ts';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Where answers go: stdout has what was asked for and nothing else, stderr what went wrong, and questions. */
export interface Terminal {
  /** Answers are JSON: one document, or one a line where something is watched. */
  json: boolean;
  /** Lines can be painted over. */
  live: boolean;
  /** There is somebody to ask. */
  interactive: boolean;
  /** The terminal shows more than ASCII. */
  unicode: boolean;
  columns(): number;
  paint(style: Style, text: string): string;
  out(...lines: string[]): void;
  err(...lines: string[]): void;
  document(value: unknown): void;
}

export interface TerminalOptions {
  json: boolean;
  color: boolean;
}

const columnsWithoutTerminal = 100;
const columnsMax = 120;

export function openTerminal({ json, color }: TerminalOptions, env: NodeJS.ProcessEnv = process.env): Terminal {
  const { stdin, stdout, stderr } = process;
  const painted = color && stdout.isTTY && stdout.hasColors();
  const write = (stream: NodeJS.WriteStream, lines: string[]) =>
    stream.write(lines.map((line) => `${line.trimEnd()}\n`).join(''));
  return {
    json,
    live: !json && stdout.isTTY === true && env.TERM !== 'dumb' && !env.CI,
    interactive: !json && stdin.isTTY === true && stderr.isTTY === true,
    unicode: /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || ''),
    columns: () => (stdout.isTTY ? Math.min(stdout.columns || 80, columnsMax) : columnsWithoutTerminal),
    paint: (style, text) => (painted ? styleText(style, text, { validateStream: false }) : text),
    out: (...lines) => void write(stdout, lines),
    err: (...lines) => void write(stderr, lines),
    document: (value) => void write(stdout, [plainJson(value)]),
  };
}
