import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sourcesIn } from './support/sources.ts';

/** From the ground up: a room imports from rooms of rows before its own, and from itself. */
const product = [['schema'], ['node'], ['agent', 'relay', 'worker'], ['cli']];
const worker = [
  ['log', 'hex', 'time', 'problem', 'tables'],
  ['saga'],
  ['rpc'],
  ['env'],
  ['durable-objects'],
  ['store'],
  ['webhooks'],
  ['objects'],
  ['auth', 'cron', 'views'],
  ['routes'],
  ['ui'],
  ['app'],
  ['index'],
];

type Imports = Map<string, string[]>;

const importsOf = (path: string, text: string): string[] =>
  [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, to]) => normalize(join(dirname(path), to!)));

const productImports = (): Imports =>
  new Map([...sourcesIn(...product.flat())].map(([path, text]) => [path, importsOf(path, text)]));

/** Imports that run up, or from one room to another of its row. `level` is the directory below which the rooms are. */
function upward(imports: Imports, rows: string[][], level: number): string[] {
  const roomOf = (path: string) => path.split('/')[level]?.split('.')[0] ?? '';
  const rowOf = (path: string) => rows.findIndex((row) => row.includes(roomOf(path)));
  return [...imports].flatMap(([from, targets]) =>
    targets
      .filter((to) => roomOf(to) !== roomOf(from) && rowOf(to) >= rowOf(from))
      .map((to) => `${from} imports ${to}`),
  );
}

/** The files of one ring of imports, types included; empty where there is none. */
function ring(imports: Imports): string[] {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): string[] => {
    if (path.includes(file)) return path.slice(path.indexOf(file));
    if (done.has(file)) return [];
    path.push(file);
    for (const next of imports.get(file) ?? []) {
      const found = visit(next);
      if (found.length > 0) return found;
    }
    path.pop();
    done.add(file);
    return [];
  };
  for (const file of imports.keys()) {
    const found = visit(file);
    if (found.length > 0) return found;
  }
  return [];
}

const within = (imports: Imports, room: string): Imports =>
  new Map(
    [...imports]
      .filter(([path]) => path.startsWith(`${room}/`))
      .map(([path, targets]) => [path, targets.filter((to) => to.startsWith(`${room}/`))]),
  );

describe('imports of the product', () => {
  const imports = productImports();

  it('run from schema and node/ up to agent, relay and Worker, and to the command line', () => {
    expect(imports.size).toBeGreaterThan(500);
    expect(upward(imports, product, 0)).toEqual([]);
  });

  it('run in the Worker from the saga up to the app', () => {
    expect(upward(within(imports, 'worker'), worker, 1)).toEqual([]);
  });

  it('make no ring', () => expect(ring(imports)).toEqual([]));

  it('are judged: a wrong one is named, and so is a ring', () => {
    const wrong: Imports = new Map([
      ['worker/saga/a.ts', ['worker/store/b.ts']],
      ['worker/store/b.ts', ['worker/saga/a.ts', 'agent/c.ts']],
      ['agent/c.ts', []],
    ]);
    expect(upward(wrong, product, 0)).toEqual(['worker/store/b.ts imports agent/c.ts']);
    expect(upward(within(wrong, 'worker'), worker, 1)).toEqual(['worker/saga/a.ts imports worker/store/b.ts']);
    expect(ring(wrong)).toEqual(['worker/saga/a.ts', 'worker/store/b.ts']);
  });
});
