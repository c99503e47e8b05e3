import { expect, test } from 'vitest';
import { inventoryPieces } from '../../node/inventory-pieces.ts';
import { agentMessage } from '../../schema/agent-protocol.ts';
import type { StackSummary } from '../../schema/facts.ts';
import { limits } from '../../schema/limits.ts';

const stack = (project: string, volumes: number): StackSummary => ({
  project,
  plain: false,
  working_dir: `/srv/${project}`,
  config_files: ['compose.yaml'],
  services: [],
  volumes: Array.from({ length: volumes }, (_, n) => `${project}_${n}`.padEnd(100, 'x')),
  ports: [],
  bind_mounts: [],
  running: true,
});
const { messageBytesMax, stacksPerHostMax } = limits.control;

test('C21: an inventory of 500 stacks goes in pieces that each fit, and hold every stack once', () => {
  const stacks = Array.from({ length: stacksPerHostMax }, (_, n) => stack(`app${n}`, 60));
  const pieces = inventoryPieces({ type: 'inventory', stacks }, messageBytesMax);
  expect(pieces.length).toBeGreaterThan(1);
  expect(pieces.length).toBeLessThanOrEqual(limits.control.inventoryPiecesMax);
  for (const piece of pieces) {
    expect(JSON.stringify(piece).length).toBeLessThan(messageBytesMax);
    expect(agentMessage.safeParse(piece).success).toBe(true);
  }
  expect(pieces.flatMap((piece) => piece.stacks)).toEqual(stacks);
  expect(pieces.map(({ piece }) => piece?.index)).toEqual(pieces.map((_, index) => index));
});

test('C21: a stack that no message could hold is still named', () => {
  const pieces = inventoryPieces(
    { type: 'inventory', stacks: [stack('a', 1), stack('vast', 20_000)] },
    messageBytesMax,
  );
  const named = pieces.flatMap(({ stacks }) => stacks);
  expect(named.map(({ project }) => project)).toEqual(['a', 'vast']);
  expect(named[1]).toMatchObject({ working_dir: '/srv/vast', volumes: [], running: true });
});
