import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  agentMessage,
  controlMessage,
  type RequestKind,
  requestKindNames,
  requestKinds,
} from '../../schema/agent-protocol.ts';
import { type CommandKind, commandKindNames, commandKinds } from '../../schema/commands.ts';
import { sagaVersion } from '../../schema/saga.ts';
import { advance } from '../../worker/saga/migration/advance.ts';
import { payloadOf } from '../../worker/saga/migration/command-payloads.ts';
import { readSaga } from '../../worker/tables/saga-versions.ts';
import { hostFacts, stackFacts, targetFacts } from './preflight/well-facts.ts';
import { goodAnswers, storyAt } from './story.ts';

/**
 * What release 0.1.0 stored and said, and the JSON schemas by which it reads what it is told. A test that fails here
 * means that an upgrade would break a fleet: give a new field a `.default()`, keep old values, add an upcaster.
 */
const fixture = async (name: string) =>
  JSON.parse(await readFile(new URL(`release-0.1.0/${name}.json`, import.meta.url), 'utf8'));
const [sagas, fromAgent, fromControlPlane, schemas] = await Promise.all(
  ['sagas', 'from-agent', 'from-control-plane', 'schemas'].map(fixture),
);

describe('a database of the previous release', () => {
  it.each((sagas as { status: string }[]).map((saga) => [saga.status, saga] as const))(
    'C7: a migration that it left %s is read, and goes on',
    (_, stored) => {
      const saga = readSaga(stored);
      expect(saga).toMatchObject({ ...stored, v: sagaVersion });
      const [awaited] = saga.awaiting;
      if (!awaited) return;
      const next = advance(
        saga,
        { type: 'command_done', command_id: awaited.id, data: goodAnswers[awaited.kind] },
        Date.now(),
      );
      expect(next?.closed).toContain(awaited.id);
      expect(readSaga(JSON.parse(JSON.stringify(next?.saga)))).toEqual(next?.saga);
    },
  );

  it('C7: a migration that a newer release stored is refused by name, and a damaged one says where', () => {
    const stored = { ...storyAt('completed').saga };
    expect(() => readSaga({ ...stored, v: sagaVersion + 1 })).toThrow(/mig_1 was stored by a newer release/);
    expect(() => readSaga({ ...stored, epoch: 'one' })).toThrow(/mig_1 can't be read: epoch/);
  });
});

describe('an agent of the previous release', () => {
  it('C7: is understood in all that it says', () => {
    const { hello, inventory, metrics, results, answers } = fromAgent;
    for (const message of [hello, inventory, metrics]) expect(agentMessage.safeParse(message)).toMatchObject(read);
    for (const [kind, data] of Object.entries(results))
      expect(commandKinds[kind as CommandKind].result.safeParse(data), kind).toMatchObject(read);
    for (const [kind, data] of Object.entries(answers))
      expect(requestKinds[kind as RequestKind].answer.safeParse(data), kind).toMatchObject(read);
  });

  it('C7: understands all that it is told and asked', () => {
    const { saga } = storyAt('transferring');
    const payloads = z.object(schemasOf('payloads'));
    const told = Object.fromEntries(commandKindNames.map((kind) => [kind, payloadOf(saga, kind)]));
    expect(payloads.partial().safeParse(asSent(told))).toMatchObject(read);
    const asked = {
      probe: { relays: [] },
      inspect_stack: { project: 'shop' },
      check_target: { stack: stackFacts, migration_id: saga.id },
      check_logins: { project: 'shop', references: ['app:1'] },
      command_status: { command_id: saga.id },
      limit_bandwidth: { migration_id: saga.id, bytes_per_s: null },
      traffic: { migration_id: saga.id },
      upgrade: { sha256: '0'.repeat(64), version: '0.2.0', automatic: false },
    } satisfies { [K in RequestKind]: unknown };
    expect(z.object(schemasOf('questions')).safeParse(asSent(asked))).toMatchObject(read);
  });
});

describe('a control plane of the previous release', () => {
  it('C7: is understood in all that it says', () => {
    for (const message of fromControlPlane) {
      expect(controlMessage.safeParse(message), message.id).toMatchObject(read);
      const { type, kind, payload } = message;
      const parts = type === 'command' ? commandKinds[kind as CommandKind] : requestKinds[kind as RequestKind];
      if (parts) expect(parts.payload.safeParse(payload), kind).toMatchObject(read);
    }
  });

  it('C7: understands all that this agent answers', () => {
    expect(z.object(schemasOf('results')).safeParse(goodAnswers)).toMatchObject(read);
    const answers = {
      probe: hostFacts(),
      inspect_stack: stackFacts,
      check_target: targetFacts,
      check_logins: { logins: [] },
      command_status: { state: 'running' },
      limit_bandwidth: {},
      traffic: { traffic: null },
      upgrade: {},
    } satisfies { [K in RequestKind]: unknown };
    expect(Object.keys(answers)).toEqual(expect.arrayContaining([...requestKindNames]));
    expect(z.object(schemasOf('answers')).safeParse(asSent(answers))).toMatchObject(read);
  });
});

const read = { success: true };

/** By kind; a kind that the release did not know is left out: it answers `command_unknown`. */
function schemasOf(part: string): Record<string, z.ZodType> {
  return Object.fromEntries(
    Object.entries(schemas[part]).map(([kind, schema]) => [
      kind,
      z.fromJSONSchema(schema as z.core.JSONSchema.BaseSchema),
    ]),
  );
}

const asSent = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
