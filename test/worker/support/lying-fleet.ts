import { env } from 'cloudflare:workers';
import { expect, onTestFinished, vi } from 'vitest';
import type { Outcome } from '../../../schema/agent-protocol.ts';
import { migrationView } from '../../../schema/api/migrations.ts';
import type { CommandKind } from '../../../schema/commands.ts';
import { goodAnswers } from '../../saga/story.ts';
import { escapes } from '../../support/hostile-values.ts';
import { call } from './api.ts';
import { fleet } from './fleet.ts';

export const ending = { timeout: 15_000, interval: 20 };
export const good = (kind: CommandKind): Outcome => ({ ok: true, data: goodAnswers[kind] });
export const refused = (code: string, message = `it did not${escapes}`): Outcome =>
  ({ ok: false, error: { code, message, log_tail: Array(40).fill(escapes) } }) as Outcome;
/** `told`: what the source was told until then. Null is no answer at all. */
export type Answers = (kind: CommandKind, told: CommandKind[]) => Outcome | null;

export const count = (kinds: CommandKind[], kind: CommandKind) => kinds.filter((one) => one === kind).length;

/** Until the end of the test, of this Worker too. */
export function set<K extends string>(group: { [key in K]: number }, values: { [key in K]?: number }): void {
  const before = { ...group };
  onTestFinished(() => void Object.assign(group, before));
  Object.assign(group, values);
}

/** A fleet whose target lies on demand. */
export async function lyingFleet(lies: Answers, ofSource: Answers = good) {
  const told = { a: [] as CommandKind[], b: [] as CommandKind[] };
  let lying = false;
  const answering = (side: 'a' | 'b', answer: Answers) => (kind: CommandKind) => {
    told[side].push(kind);
    return lying ? answer(kind, told.a) : good(kind);
  };
  const there = await fleet(answering('b', lies), answering('a', ofSource));
  const reaches = async (id: string, ...statuses: string[]) => {
    const view = await vi.waitFor(async () => {
      const shown = await there.show(id);
      expect(statuses, JSON.stringify([shown.status, told])).toContain(shown.status);
      return shown;
    }, ending);
    return migrationView.parse(view);
  };
  const post = (id: string, act: string, body = {}) =>
    call('POST', `/api/v1/migrations/${id}/${act}`, { token: there.token, body });
  return { ...there, told, reaches, post, lie: () => (lying = true) };
}

/** One whose stack `shop` has moved to the target, which is then told to roll it back. */
export async function rolledBack(lies: Answers, ofSource: Answers = good) {
  const there = await lyingFleet(lies, ofSource);
  const { id } = (await there.migrate()).body;
  await vi.waitFor(async () => expect(await there.show(id)).toMatchObject({ status: 'completed', owed: [] }), ending);
  there.lie();
  expect((await there.post(id, 'rollback')).status).toBe(202);
  return { ...there, id: id as string };
}

export async function charsOf(table: 'migration' | 'migration_event', column: string): Promise<number> {
  const row = await env.DB.prepare(`SELECT max(length(${column})) AS chars FROM ${table}`).first<{ chars: number }>();
  return row!.chars;
}
