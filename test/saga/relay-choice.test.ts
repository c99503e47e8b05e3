import { describe, expect, it } from 'vitest';
import { limits } from '../../schema/limits.ts';
import { sagaPlanOf } from '../../worker/saga/preflight/plan.ts';
import { chooseRelay, type RelayOption, relayPaths } from '../../worker/saga/relay-selection.ts';
import { hostFacts, stackFacts, targetFacts, wellRest } from './preflight/well-facts.ts';

const relay = (id: string, more: Partial<RelayOption> = {}): RelayOption => ({
  ...{ id, host: id, port: 1, load: null, rtt_ms: null },
  ...more,
});
const carrying = (id: string, sessions: number, bytes_per_s = 0) => relay(id, { load: { sessions, bytes_per_s } });

/** Of a hundred migrations that begin at once, how many each relay gets. */
function shares(relays: RelayOption[]): Record<string, number> {
  const chosen = Array.from({ length: 100 }, (_, n) => chooseRelay(relays, `mig_${n}`)!.id);
  return Object.fromEntries(relays.map(({ id }) => [id, chosen.filter((one) => one === id).length]));
}

describe('the relay of a new migration', () => {
  const three = ['relay_1', 'relay_2', 'relay_3'].map((id) => relay(id));

  it('is the same whatever order relays are listed in, and all get their share', () => {
    for (let n = 0; n < 60; n++)
      expect(chooseRelay(three.toReversed(), `mig_${n}`)).toBe(chooseRelay(three, `mig_${n}`));
    for (const share of Object.values(shares(three))) expect(share).toBeGreaterThan(20);
  });

  it('stays when another relay goes, and is none where none is connected', () => {
    const chosen = chooseRelay(three, 'mig_x');
    const other = three.find(({ id }) => id !== chosen?.id);
    const remaining = three.filter((each) => each !== other);
    expect(chooseRelay(remaining, 'mig_x')).toBe(chosen);
    expect(chooseRelay([], 'mig_x')).toBeNull();
  });

  it('goes to those that carry less, but a hundred at once do not all go to the idlest', () => {
    const some = shares([carrying('relay_1', 90), carrying('relay_2', 0)]);
    expect(some.relay_2).toBeGreaterThan(90);
    const even = shares([carrying('relay_1', 4), carrying('relay_2', 3)]);
    expect(Math.min(...Object.values(even))).toBeGreaterThan(30);
  });

  it('counts a relay that forwards at full speed for one pair as a full one', () => {
    const full = limits.relay.pairBytesPerS * limits.relay.sessionsMax;
    expect(shares([carrying('relay_1', 1, full), carrying('relay_2', 2)]).relay_2).toBeGreaterThan(90);
  });

  it('does not compare loads where a relay of the previous release says none', () => {
    const even = shares([carrying('relay_1', 200), relay('relay_2')]);
    expect(Math.min(...Object.values(even))).toBeGreaterThan(30);
  });

  it('is a near one, whatever it carries; those that hardly differ are equally near', () => {
    const at = (id: string, rtt_ms: number | null, sessions: number) => ({ ...carrying(id, sessions), rtt_ms });
    const got = shares([at('here', 2, 5), at('beside', 6, 5), at('far', 80, 0), at('unreached', null, 0)]);
    expect(got).toMatchObject({ far: 0, unreached: 0 });
    expect(Math.min(got.here!, got.beside!)).toBeGreaterThan(30);
    expect(chooseRelay([at('far', 80, 0), at('unreached', null, 0)], 'mig_1')?.id).toBe('far');
    // None was measured: agents of the previous release.
    expect(shares([at('here', null, 0), at('far', null, 0)]).far).toBeGreaterThan(30);
  });
});

describe('the way over a relay', () => {
  const reached = (id: string, rtt_ms: number | null) => ({ id, reachable: rtt_ms !== null, detail: '', rtt_ms });

  it('is as long as both round trips, and only where both hosts reached it', () => {
    const source = [reached('r1', 10), reached('r2', 1), reached('r3', null)];
    const target = [reached('r1', 5), reached('r2', null), reached('r4', 1)];
    expect(relayPaths(source, target)).toEqual([{ id: 'r1', rtt_ms: 15 }]);
  });

  it('goes into the plan of the migration', () => {
    const host = { ...hostFacts(), relays: [reached('r1', 10)] };
    const plan = sagaPlanOf(stackFacts, targetFacts, { source: host, target: host }, wellRest(0, 'pre-copy').inputs);
    expect(plan.relay_paths).toEqual([{ id: 'r1', rtt_ms: 20 }]);
  });
});
