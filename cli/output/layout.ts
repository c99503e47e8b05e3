import { stripVTControlCharacters } from 'node:util';
import type { Terminal } from './terminal.ts';

const widthOf = (text: string) => [...stripVTControlCharacters(text)].length;

export const pad = (text: string, width: number) => text + ' '.repeat(Math.max(0, width - widthOf(text)));

const gap = 2;

/** Columns as wide as their widest cell; on a narrow terminal all but the first go below it, on lines of their own. */
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

/** Formats `label  text` with a hanging indent. */
export function labelled(term: Terminal, label: string, text: string, labelWidth: number, indent = 2): string[] {
  const start = indent + labelWidth;
  const [first = '', ...rest] = wrap(text, Math.max(20, term.columns() - start));
  return [`${' '.repeat(indent)}${pad(label, labelWidth)}${first}`, ...rest.map((line) => ' '.repeat(start) + line)];
}

/** Sentences, each on a line of its own. */
export const prose = (term: Terminal, ...sentences: string[]) =>
  sentences.flatMap((sentence) => wrap(sentence, term.columns()));

/**
 * Breaks at spaces. A word longer than a line is not split, so that it can be copied, nor is a command in backticks, which
 * are left out.
 */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of wordsOf(text)) {
    if (line !== '' && widthOf(line) + 1 + widthOf(word) > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, line];
}

function wordsOf(text: string): string[] {
  const parts = text.split('`');
  if (parts.length % 2 === 0) return text.split(' ');
  const inWords = (part: string) => part.split(' ').filter((word) => parts.length === 1 || word !== '');
  return parts.flatMap((part, at) => (at % 2 === 1 ? [part] : inWords(part)));
}

/** Truncates to one line; loses styles. */
export function cut(text: string, width: number): string {
  const chars = [...text];
  return chars.length <= width ? text : `${chars.slice(0, Math.max(0, width - 2)).join('')}..`;
}
