import { describe, expect, it, vi } from 'vitest';
import { drainFleet, gib, good, patient, stacksOf } from './support/drain-fleet.ts';

describe('a deploy of the control plane in the middle of a drain, after which the relay is back late', () => {
  it('leaves no stack behind whose turn comes meanwhile', async () => {
    const there = await drainFleet({
      targets: { b: 32 * gib },
      stacks: stacksOf(2, gib / 4),
      outcome: (kind) => (kind === 'deploy' ? null : good(kind)),
    });
    const { body } = await there.drain({ max_parallel: 1 });
    await vi.waitFor(() => expect(there.held).toHaveLength(1), patient);
    there.agents.relay?.socket.close();
    there.held.pop()?.answer(good('deploy'));
    const waits = await there.until(body.id, ({ stacks }) => stacks[1].obstacle !== null);
    expect(waits.stacks[1]).toMatchObject({
      status: 'waiting',
      obstacle: { message: expect.stringContaining('No relay is connected') },
    });
    await there.connectRelay();
    await vi.waitFor(() => expect(there.held).toHaveLength(1), patient);
    there.held.pop()?.answer(good('deploy'));
    expect(await there.ended(body.id)).toMatchObject({ status: 'completed', summary: { moved: 2 } });
  }, 60_000);

  it('leaves no stack behind that was chosen, and has not passed its own pre-flight', async () => {
    let asked = 0;
    const there = await drainFleet({
      stacks: { shop: gib },
      // When it is planned, and when it is chosen.
      finds: () => {
        if (++asked === 2) there.agents.relay?.socket.close();
        return {};
      },
    });
    const { body } = await there.drain();
    await vi.waitFor(async () => expect(await there.migrations()).toMatchObject([{ status: 'preflight' }]), patient);
    expect((await there.show(body.id)).stacks[0]).toMatchObject({ status: 'starting' });
    await there.connectRelay();
    expect(await there.ended(body.id)).toMatchObject({ status: 'completed', summary: { moved: 1 } });
  }, 60_000);
});
