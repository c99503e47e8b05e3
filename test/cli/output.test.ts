import { describe, expect, test } from 'vitest';
import { laneLines } from '../../cli/output/lanes.ts';
import { table, wrap } from '../../cli/output/layout.ts';
import type { Terminal } from '../../cli/output/terminal.ts';
import { ago, bytes, duration, rateLimit } from '../../schema/units.ts';

const terminal = (columns: number): Terminal => ({
  json: false,
  live: true,
  interactive: true,
  unicode: true,
  columns: () => columns,
  paint: (_, text) => text,
  out: () => {},
  err: () => {},
  document: () => {},
});

test('R16 a command in a text is one line, to be pasted, however narrow the terminal', () => {
  const line = 'stackferry agent allow shop --from host_a docker_socket';
  const text = `Refused by the target. To let it in, run as root on new: \`${line}\` Then check again.`;
  const lines = wrap(text, 30);
  expect(lines).toContain(line);
  expect(lines.join(' ')).toBe(text.replaceAll('`', ''));
  expect(wrap('one ` alone is no command', 12)).toEqual(['one ` alone', 'is no', 'command']);
});

describe('what is shown fits the terminal', () => {
  const items = [
    { item: 'a-volume-with-quite-a-long-name', bytes_done: 987 * 1024 ** 3, bytes_total: 999 * 1024 ** 3 },
    { item: 'b', bytes_done: 0, bytes_total: null },
    { item: 'empty', bytes_done: 0, bytes_total: 0 },
  ];
  const progress = {
    current: 'b',
    bytes_done: 987 * 1024 ** 3,
    bytes_total: null,
    rate: 1e8,
    history: [],
    seconds_left: 9,
    items,
  };

  test('a volume’s line is never wider than the terminal, so that painting over it works', () => {
    for (const columns of [40, 72, 80, 120])
      for (const line of laneLines(terminal(columns), progress, () => 103 * 1024 ** 2))
        expect({ columns, line, fits: line.length < columns }).toEqual({ columns, line, fits: true });
  });

  test('done, unknown and empty volumes are told apart', () => {
    const lines = laneLines(terminal(80), progress, () => 103 * 1024 ** 2);
    expect(lines[0]).toMatch(/━─ +98% {2}987 of 999 GiB +103 MiB\/s +2:00 left$/);
    expect(lines[1]).toMatch(/b +─+ +0 B +103 MiB\/s$/);
    expect(lines[2]).toMatch(/━ 100% {2}0 of 0 B$/);
  });

  test('a table that is too wide becomes one block a row, and nothing is cut', () => {
    const rows = [['one', 'x'.repeat(50), 'y'.repeat(50)]];
    expect(table(terminal(80), ['NAME', 'FIRST', 'SECOND'], rows)).toEqual([
      'one',
      `  first       ${'x'.repeat(50)}`,
      `  second      ${'y'.repeat(50)}`,
    ]);
  });
});

test('a limit is shown in the units that it is given in', () => {
  expect([2_000_000, 500_000, 1_500_000, 1_000_000_000, 65_536].map(rateLimit)).toEqual([
    ...['2 MB/s', '500 kB/s', '1.5 MB/s', '1 GB/s', '65.536 kB/s'],
  ]);
});

test('sizes and times are in units that people read', () => {
  expect([0, 1023, 1536, 1_048_576, 5e15].map(bytes)).toEqual(['0 B', '1.0 KiB', '1.5 KiB', '1.0 MiB', '4.4 PiB']);
  expect([40, 1000, 59_400, 65_000, 7_260_000, 259_200_000].map(duration)).toEqual([
    ...['0 s', '1 s', '59 s', '1 min 5 s', '2 h 1 min', '3 d'],
  ]);
  const at = (ms: number) => ago(new Date(1_800_000_000_000 - ms).toISOString(), 1_800_000_000_000);
  expect([1000, 95_000, 7_500_000, 200_000_000].map(at)).toEqual([
    ...['just now', '1 min ago', '2 h 5 min ago', '2 d 7 h ago'],
  ]);
});
