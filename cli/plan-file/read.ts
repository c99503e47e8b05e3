import { readFile, stat } from 'node:fs/promises';
import { type Document, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { limits } from '../../schema/limits.ts';
import { type CliError, usageError } from '../exit-code.ts';
import { type PlanFile, planFile } from './plan-file.ts';

export interface ReadPlan {
  plan: PlanFile;
  /** An error at a key of the file, with its line. */
  wrong(path: PropertyKey[], message: string): CliError;
}

/** Reads a plan. Throws `usage` with the line and key of each fault. */
export async function readPlanFile(name: string): Promise<ReadPlan> {
  return parsePlan(name, await readBounded(name));
}

export function parsePlan(name: string, text: string): ReadPlan {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' });
  const lineAt = (offset: number) => lines.linePos(offset).line;
  const [broken] = document.errors;
  if (broken) throw usageError(`${name}:${lineAt(broken.pos[0])}: ${broken.message}`);
  const at = (path: PropertyKey[], message: string) =>
    `${name}:${lineAt(offsetOf(document, path))}: ${path.length > 0 ? `${path.map(String).join('.')}: ` : ''}${message}`;
  const parsed = planFile.safeParse(contentOf(name, document));
  if (!parsed.success) {
    const [first = '', ...others] = parsed.error.issues.flatMap(faultsOf).map(({ path, message }) => at(path, message));
    throw usageError(first, ...others.slice(0, limits.cli.planFaultsMax));
  }
  return { plan: parsed.data, wrong: (path, message) => usageError(at(path, message)) };
}

function contentOf(name: string, document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (error) {
    throw usageError(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** An unknown key is named at its own line. */
function faultsOf(issue: z.core.$ZodIssue): { path: PropertyKey[]; message: string }[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ path: [...issue.path, key], message: 'There is no such option.' }));
  const message = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  return [{ path: issue.path, message }];
}

/** Where the deepest key of the path begins that the file has. */
function offsetOf(document: Document, path: PropertyKey[]): number {
  let node: unknown = document.contents;
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (!pair) break;
      if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      if (isNode(node)) offset = node.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}

async function readBounded(name: string): Promise<string> {
  const failed = (error: NodeJS.ErrnoException): never => {
    throw usageError(`${name} can’t be read (${error.code}).`);
  };
  const { size } = await stat(name).catch(failed);
  if (size > limits.cli.planFileBytesMax)
    throw usageError(`${name} is larger than ${limits.cli.planFileBytesMax} bytes.`);
  return readFile(name, 'utf8').catch(failed);
}
