import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { performCommand } from '../../agent/commands/runner/index.ts';
import type { Engine } from '../../agent/engine/engine.ts';
import { openMigrationLedger } from '../../agent/migration-ledger.ts';
import { type Lanes, lanesOver } from '../../agent/transfer/lanes.ts';
import type { TarSource } from '../../agent/transfer/tar-ports.ts';
import { createLog } from '../../node/log.ts';
import type { CommandKind, CommandPayload } from '../../schema/commands.ts';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import type { RegistryLogin } from '../../schema/registry-logins.ts';
import { createLanePairs } from './lane-pairs.ts';
import { temporaryDirectory } from './temporary.ts';

const login: RegistryLogin = { registry: 'one.example', username: 'ann', password: 'hunter2', identity_token: null };
const toSend = { project: 'shop', peer: 't', references: ['one.example/web:1'] };
const toPull = { project: 'shop', peer: 's', images: [] };

/** One host of a pair: what it says, keeps and logs is looked through for the login. */
async function hostOf(engine: Partial<Engine>, lanes: Lanes) {
  const ledger = await openMigrationLedger(await temporaryDirectory());
  const told: unknown[] = [];
  const log = createLog((line) => void told.push(line)).of('m1');
  const run = async <K extends CommandKind>(
    kind: K,
    payload: CommandPayload<K>,
    signal = AbortSignal.timeout(15_000),
  ) => {
    const command = { type: 'command', trace_id: null, id: 'c', migration_id: 'm1', epoch: 1, kind, payload } as const;
    const context = {
      ...{ migrationId: 'm1', engine, ledger, log, signal, lanes },
      progress: (items: unknown) => void told.push(items),
    };
    const result = await performCommand(command, context as unknown as Parameters<typeof performCommand>[1]);
    told.push(result);
    return result;
  };
  return { run, ledger, said: () => JSON.stringify([told, ledger.find('m1'), log.tail('m1')]) };
}

const meeting = () => {
  const pairs = createLanePairs();
  return lanesOver(
    (_role, { lane }) =>
      (signal) =>
        pairs(lane, signal),
  );
};

async function pairOf(pull: Engine['ensureImages'], lanes = meeting(), logins = [login]) {
  const asked: unknown[] = [];
  const collect = async (...of: unknown[]) => {
    asked.push(of.slice(0, 2));
    return logins;
  };
  const source = await hostOf({ kind: 'docker', logins: { collect, check: async () => [] } }, lanes);
  const target = await hostOf({ kind: 'docker', ensureImages: pull }, lanes);
  return { source, target, asked };
}

describe('registry logins on their way', () => {
  it('B39 reach the pull, and are in no answer, log, progress or record of either side', async () => {
    const used: unknown[] = [];
    const { source, target, asked } = await pairOf(async (_images, _signal, logins) => void used.push(logins));
    const answers = await Promise.all([source.run('send_logins', toSend), target.run('pull_images', toPull)]);
    expect(answers).toEqual([{}, {}]);
    expect(used).toEqual([[login]]);
    expect(asked).toEqual([['shop', toSend.references]]);
    for (const { said } of [source, target]) {
      expect(said()).toContain('logins');
      expect(said()).not.toMatch(/hunter2|ann\b/);
    }
  });

  it('B39 leave a digest and a size in the records that say nothing of them', async () => {
    const recordOf = async (logins: RegistryLogin[]) => {
      const { source, target } = await pairOf(async () => {}, meeting(), logins);
      await Promise.all([source.run('send_logins', toSend), target.run('pull_images', toPull)]);
      return target.ledger.find('m1')!.lanes.logins!;
    };
    const [one, same, longer] = [
      await recordOf([login]),
      await recordOf([login]),
      await recordOf([{ ...login, password: 'a much longer password' }]),
    ];
    expect(same.sha256).not.toBe(one.sha256);
    expect([same.bytes, longer.bytes]).toEqual([one.bytes, one.bytes]);
  });

  it('come again to a target whose agent ended while it pulled', async () => {
    const lanes = meeting();
    const ending = new AbortController();
    const pulls: unknown[] = [];
    const { source, target } = await pairOf(async (_images, signal, logins) => {
      pulls.push(logins);
      if (pulls.length > 1) return;
      ending.abort(new StackferryError('cancelled', 'The agent ends.'));
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    }, lanes);
    const sending = source.run('send_logins', toSend);
    await expect(target.run('pull_images', toPull, ending.signal)).rejects.toThrow();
    expect(target.ledger.find('m1')?.lanes.logins).toBeUndefined();
    sending.catch(() => {});
    // The real end does not tell its peer; here the abort does, so the source's command begins again too.
    await sending.catch(() => null);
    await Promise.all([source.run('send_logins', toSend), target.run('pull_images', toPull)]);
    expect(pulls).toEqual([[login], [login]]);
    // Once they were pulled, a repeat needs no login.
    await target.run('pull_images', toPull);
    expect(pulls).toHaveLength(2);
  });

  it('F29 end in the pull’s own words where the registry refuses them', async () => {
    const { source, target } = await pairOf(async () => {
      throw new StackferryError('image_unavailable', 'web:1 could not be pulled: denied.');
    });
    const ends = await Promise.allSettled([source.run('send_logins', toSend), target.run('pull_images', toPull)]);
    for (const end of ends)
      expect(end).toMatchObject({
        reason: {
          code: 'image_unavailable',
          message: expect.stringMatching(/^(?!Unpacking).*could not be pulled: denied/),
        },
      });
  });

  it.each([
    ['no JSON', Buffer.from('{"logins": [hunter2')],
    ['another form', Buffer.from(JSON.stringify({ salt: '', logins: [{ ...login, registry: 7 }] }))],
    ['too many', Buffer.from(JSON.stringify({ salt: '', logins: Array(100).fill(login) }))],
    ['a giant', Buffer.from(JSON.stringify({ salt: '', logins: [{ ...login, password: 'x'.repeat(100_000) }] }))],
    ['nothing', Buffer.alloc(0)],
    ['without end', Buffer.alloc(limits.agent.registryLoginsBytesMax + 1, ' ')],
  ])('from a source in wrong hands (%s) are refused, not quoted, and nothing is pulled', async (_, bytes) => {
    const lanes = meeting();
    const pulls: unknown[] = [];
    const lie: TarSource = {
      open: async () => ({ stream: Readable.from([bytes], { objectMode: false }), finished: Promise.resolve() }),
    };
    const { source, target } = await pairOf(async (_images, _signal, logins) => void pulls.push(logins), {
      ...lanes,
      send: (end) => lanes.send({ ...end, source: lie }),
    });
    const ends = await Promise.allSettled([source.run('send_logins', toSend), target.run('pull_images', toPull)]);
    expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(pulls).toEqual([]);
    expect(target.said() + JSON.stringify(ends)).not.toContain('hunter2');
  });

  it('are not taken from a source that says they are another stack’s', async () => {
    const pulls: unknown[] = [];
    const { source, target } = await pairOf(async (_images, _signal, logins) => void pulls.push(logins));
    const ends = await Promise.allSettled([
      source.run('send_logins', { ...toSend, project: 'blog' }),
      target.run('pull_images', toPull),
    ]);
    expect(ends[1]).toMatchObject({ reason: { code: 'policy_refused' } });
    expect(pulls).toEqual([]);
  });
});
