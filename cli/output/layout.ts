import { stripVTControlCharacters } from 'node:util';
import type { Terminal } from './terminal.ts';

const widthOf = (text: string) => [...stripVTControlCharacters(text)].length;

export const pad = (text: string, width: number) => text + ' '.repeat(Math.max(0, width - widthOf(text)));

const gap = 2;

/** Columns as wide as their widest cell; where the terminal is too narrow, the last columns go below, on lines of their own. */
export function table(term: Terminal, heads: string[], rows: string[][]): string[] {
  const widths = heads.map((head, at) => Math.max(widthOf(head), ...rows.map((row) => widthOf(row[at] ?? ''))));
  const line = (cells: string[]) => cells.map((cell, at) => pad(cell, widths[at] ?? 0)).join(' '.repeat(gap));
  const total = widths.reduce((sum, width) => sum + width + gap, -gap);
  if (total <= term.columns())
    return [term.paint('dim', line(heads).trimEnd()), ...rows.map((row) => line(row).trimEnd())];
  return rows.flatMap((row) => [
    term.paint('bold', row[0] ?? ''),
    ...row
      .slice(1)
      .flatMap((cell, at) => (cell === '' ? [] : [`  ${pad(heads[at + 1]?.toLowerCase() ?? '', 12)}${cell}`])),
  ]);
}

/** `label  text`, the text wrapped below itself. */
export function labelled(term: Terminal, label: string, text: string, labelWidth: number, indent = 2): string[] {
  const start = indent + labelWidth;
  const [first = '', ...rest] = wrap(text, Math.max(20, term.columns() - start));
  return [`${' '.repeat(indent)}${pad(label, labelWidth)}${first}`, ...rest.map((line) => ' '.repeat(start) + line)];
}

/** Sentences, each on a line of its own. */
export const prose = (term: Terminal, ...sentences: string[]) =>
  sentences.flatMap((sentence) => wrap(sentence, term.columns()));

/** Breaks at spaces; a word longer than a line is left whole, so that it can be copied. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && widthOf(line) + 1 + widthOf(word) > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, line];
}

/** Cuts what would not fit on one line; keeps no style. */
export function cut(text: string, width: number): string {
  const chars = [...text];
  return chars.length <= width ? text : `${chars.slice(0, Math.max(0, width - 2)).join('')}..`;
}
