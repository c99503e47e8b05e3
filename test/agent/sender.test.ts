import { describe, expect, it, test } from 'vitest';
import { senderOf } from '../../agent/commands/carry/sender.ts';
import type { LedgerEntry } from '../../agent/migration-ledger.ts';
import { embeddedPair, moveData } from './embedded-pair.ts';

type SentBy = LedgerEntry['lanes'][string]['sent_by'];

const entryOf = (...senders: SentBy[]) =>
  ({
    lanes: Object.fromEntries(
      senders.map((sent_by, at) => [
        `v${at}`,
        { bytes: 1, sha256: '', unconfirmed_stream: null, manifest: null, sent_by },
      ]),
    ),
  }) as LedgerEntry;
const a = { host: 'host_a', project: 'shop' };

describe('R16 who sent a stack is what its lanes prove', () => {
  it('is the host of all its lanes, each named by it as this stack’s', () => {
    expect(senderOf(entryOf(a, a), 'shop')).toBe('host_a');
  });

  it.each([
    ['nothing came', []],
    ['one lane came from another host', [a, { ...a, host: 'host_b' }]],
    ['one lane is another stack’s', [a, { ...a, project: 'blog' }]],
    ['all are another stack’s', [{ ...a, project: 'blog' }]],
    ['the source named no stack, as the previous release', [a, null]],
  ])('is nobody if %s', (_, senders) => {
    expect(senderOf(entryOf(...senders), 'shop')).toBeNull();
  });

  test('the target records it as the lanes come', async () => {
    const pair = await embeddedPair();
    await moveData(pair);
    expect(senderOf(pair.target.ledger.find('m1'), 'guestbook')).toBe('s');
    expect(senderOf(pair.target.ledger.find('m1'), 'shop')).toBeNull();
  });

  test('a control plane that gives one stack the name of another gets nothing across', async () => {
    const { source, target, deployment } = await embeddedPair();
    const { source_dir, target_dir } = deployment;
    await source.perform('stop_stack', { project: 'guestbook', expected: [], early: null });
    const [sent, received] = await Promise.allSettled([
      source.perform('send_project', { project: 'guestbook', peer: 't', source_dir, changes: null }),
      target.perform('receive_project', { project: 'shop', peer: 's', target_dir, changes: null }),
    ]);
    const refused = { code: 'policy_refused', message: expect.stringContaining('"guestbook", not "shop"') };
    expect(received).toMatchObject({ status: 'rejected', reason: refused });
    expect(sent).toMatchObject({ status: 'rejected', reason: refused });
  });
});
