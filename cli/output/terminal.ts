import { styleText } from 'node:util';
import { plainJson } from './plain-text.ts';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Output streams: stdout has only the requested answer, stderr errors and questions. */
export interface Terminal {
  /** Answers are JSON: one document, or one per line when watching. */
  json: boolean;
  /** Lines can be repainted. */
  live: boolean;
  /** A person can answer questions. */
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
