import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import { d1MigrationStore } from '../../worker/store/migration-store.ts';
import { queueEvents } from '../../worker/webhooks/dispatch.ts';
import type { Heard, Reply } from '../support/receiver-script.ts';
import { bindings, tokenWith } from './support/api.ts';
import { begun, drive, type Ending, endings } from './support/course.ts';
import { arriving, type Endpoint, newReceiver, passTime, register, verified } from './support/receiver.ts';

const migrations = 200;
const msMax = 240_000;
/** Of each delivery: taken, refused, busy, heard but hung up on, slow to make up its mind. */
const moods: Reply[] = [
  { status: 204 },
  { status: 500 },
  { status: 200, text: 'ok' },
  { drop: true },
  { status: 429, headers: { 'retry-after': '1' } },
  { status: 302, headers: { location: 'https://elsewhere.example.com/' } },
  { status: 204 },
];
const told: Record<Ending, string[]> = {
  completed: ['migration.started', 'migration.completed', 'migration.cutover'],
  failed: ['migration.started', 'migration.failed'],
  cancelled: ['migration.started', 'migration.cancelled'],
  rolled_back: [
    ...['migration.started', 'migration.completed', 'migration.cutover'],
    ...['migration.rolled_back', 'migration.cutover'],
  ],
};

const accepted = ({ reply }: Heard) => !reply.drop && (reply.status ?? 204) < 300;

/** Cron goes by until nothing waits for a try any more. */
async function settle(endpoint: Endpoint): Promise<void> {
  await vi.waitFor(
    async () => {
      await passTime();
      expect(await endpoint.deliveries('&status=pending')).toEqual([]);
    },
    { ...arriving, timeout: msMax, interval: 1_500 },
  );
}

describe('webhooks over 200 migrations and a receiver that fails in every way', () => {
  it(
    'F37 each event is accepted once, all signatures verify, and what was given up comes by replay',
    async () => {
      const store = d1MigrationStore(env.DB, (ids) => void queueEvents(bindings, ids));
      const expected: string[] = [];
      const ids: string[] = [];
      const receiver = await newReceiver({ replies: moods });
      const endpoint = await register(await tokenWith(['admin']), receiver.url);
      for (let n = 0; n < migrations; n++) {
        const ending = endings[n % endings.length]!;
        const id = await begun(store, { stack_id: `stack_${n}`, stack_name: `stack-${n}` });
        ids.push(id);
        // Each tenth event is refused until its retries are used up.
        if (n % 10 === 0) await receiver.refuse(id);
        for (const type of told[ending]) expected.push(`${type} ${id}`);
        await drive(store, id, ending);
      }
      await settle(endpoint);

      const dead = await endpoint.deliveries('&status=dead');
      // Some others may have met only failures, as it happened.
      const given = new Set(dead.map(({ subject_id }) => subject_id));
      expect([...given]).toEqual(expect.arrayContaining(ids.filter((_, n) => n % 10 === 0)));
      const before = await receiver.heard();
      await receiver.answer({});
      expect((await endpoint.act('replay')).body).toEqual({ replayed: dead.length });
      await settle(endpoint);

      const heard = [...before, ...(await receiver.heard())];
      const all = heard.map((one) => ({ ...verified(endpoint.secret, one), taken: accepted(one) }));
      const taken = all.filter((one) => one.taken);
      expect(new Set(taken.map(({ id }) => id)).size).toBe(taken.length);
      const subjects = taken.map(({ event }) => `${event.type} ${'id' in event.data ? event.data.id : ''}`);
      expect(subjects.toSorted()).toEqual(expected.toSorted());
      expect(heard.length).toBeGreaterThan(taken.length);
      expect(await endpoint.deliveries('&status=delivered')).toHaveLength(expected.length);
    },
    msMax,
  );
});
