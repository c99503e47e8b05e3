import { expect, it } from 'vitest';
import type { HeldForwarding } from '../../agent/forward/connection-holder.ts';
import { createForwardKeeper } from '../../agent/forward/keeper.ts';
import type { KeeperOptions } from '../../agent/forward/keeper-options.ts';
import { portName } from '../../agent/forward/published-port.ts';
import { ruleName } from '../../agent/forward/rules.ts';
import { type MigrationLedger, openMigrationLedger } from '../../agent/migration-ledger.ts';
import { createLog } from '../../node/log.ts';
import { sleep } from '../../node/sleep.ts';
import { limits } from '../../schema/limits.ts';
import { temporaryDirectory } from '../agent/temporary.ts';
import { tcp, udp } from './ports.ts';

const of = { migrationId: 'mig_1', project: 'shop' };
const ports = [tcp(8080)];
const way = { peer: 'host_b', ports, proxied: [8080], until_ms: 3_600_000 };

const udpTraffic = {
  ports: [{ port: '*:53/udp', per_minute: 2, total: 5, idle_ms: 10 }],
  sources: [{ address: '192.0.2.1', total: 5 }],
  spliced: 3,
};

/** A host whose rules are a set of names; agents and holders come and go on it. */
function makeHost(ledger: MigrationLedger) {
  const acts: string[] = [];
  const rules = new Set<string>();
  const fail = new Set<string>();
  const ways = { source: 0, target: 0 };
  const act = async (what: string) => {
    acts.push(what);
    if (fail.has(what)) throw new Error(`${what} failed`);
  };
  const forwarding = (migrationId: string): HeldForwarding => ({
    redirects: ports.map((port) => ({ ...port, listener: 40_001 })),
    hold: async () => {
      await act('hold');
      rules.add(ruleName(migrationId));
    },
    forward: async () => void acts.push('forward'),
    traffic: async () => ({ ports: [], sources: [], held: 0, spliced: 0 }),
  });
  const finish = async (what: string, migrationId: string) => {
    await act(what);
    rules.delete(ruleName(migrationId));
  };
  const over = Promise.withResolvers<void>();
  let lost = () => {};
  const agent = (options: Partial<KeeperOptions> = {}) =>
    createForwardKeeper({
      ledger,
      log: createLog(() => {}),
      dialer: () => async () => Promise.reject(new Error('unused')),
      holder: {
        open: async ({ migrationId, earlier }) => {
          await act(earlier.length > 0 ? `open again at ${earlier[0]?.listener}` : 'open');
          return forwarding(migrationId);
        },
        release: (migrationId) => finish('release', migrationId),
        end: (migrationId) => finish('end', migrationId),
        endUnclaimed: () => act('end unclaimed'),
        onLost: (listener) => {
          lost = listener;
        },
        close: () => void acts.push('leave'),
      },
      sweep: async (stays) => {
        for (const name of rules) if (!stays(name)) rules.delete(name);
      },
      openSource: (link, proxied) => {
        ways.source += 1;
        acts.push(`way for ${[...proxied]}`);
        link.signal.addEventListener('abort', () => (ways.source -= 1));
        return { ended: over.promise, connect: async () => Promise.reject(new Error('unused')) };
      },
      keepTarget: (link) => {
        ways.target += 1;
        link.signal.addEventListener('abort', () => (ways.target -= 1));
        return over.promise;
      },
      openDatagrams: (udp) => {
        acts.push(`take ${udp.map(portName)}`);
        return { close: () => void acts.push('free'), traffic: () => udpTraffic };
      },
      now: () => 0,
      ...options,
    });
  return { acts, rules, fail, ways, agent, over, loseHolder: () => lost() };
}

async function setUp() {
  const ledger = await openMigrationLedger(await temporaryDirectory());
  await ledger.update({ migration_id: 'mig_1', project: 'shop', role: 'source' }, (entry) => {
    entry.retained = true;
  });
  return { ledger, ...makeHost(ledger) };
}
const recorded = (ledger: MigrationLedger) => ledger.find('mig_1')?.forwarding ?? null;

it('records what it takes before it is taken, and forgets it once it is released', async () => {
  const { ledger, agent, acts, rules, ways } = await setUp();
  const keeper = agent();
  await keeper.hold(of, ports);
  expect(recorded(ledger)).toMatchObject({ to: null, until_ms: limits.forward.holdingMsMax });
  await keeper.forward(of, way);
  expect(recorded(ledger)).toMatchObject({ to: { peer: 'host_b', proxied: [8080] }, until_ms: 3_600_000 });
  expect([ways.source, rules.size]).toEqual([1, 1]);
  await keeper.release('mig_1');
  expect(acts).toEqual(['open', 'hold', 'hold', 'way for *:8080', 'forward', 'release']);
  expect([recorded(ledger), ways.source, rules.size]).toEqual([null, 0, 0]);
  expect(await keeper.traffic('mig_1')).toBeNull();
});

it('takes UDP ports while it forwards, and frees them first of all', async () => {
  const { agent, acts, fail } = await setUp();
  const keeper = agent();
  const both = [...ports, udp(53)];
  await keeper.hold(of, both);
  expect(acts.join()).not.toContain('take');
  await keeper.forward(of, { ...way, ports: both, proxied: [8080, 53] });
  expect(acts.slice(-3)).toEqual(['way for *:8080', 'forward', 'take *:53/udp']);
  expect(await keeper.traffic('mig_1')).toEqual({ ...udpTraffic, held: 0 });
  // Whatever becomes of the hold, the stack can start here.
  acts.length = 0;
  fail.add('hold');
  await expect(keeper.hold(of, both)).rejects.toThrow('hold failed');
  expect(acts[0]).toBe('free');
  fail.clear();
  await keeper.forward(of, { ...way, ports: both });
  acts.length = 0;
  keeper.freePorts('mig_1');
  await keeper.end('mig_1');
  expect(acts).toEqual(['free', 'end']);
});

it('is taken up by the next agent at the same listeners, after a stop and after a death', async () => {
  const { ledger, agent, acts, rules, ways } = await setUp();
  const first = agent();
  await first.forward(of, way);
  await first.close();
  expect([rules.size, recorded(ledger), ways.source]).toEqual([1, expect.anything(), 0]);
  expect(acts.at(-1), 'the holder sees the way go before the tunnel does').toBe('leave');
  await expect(first.hold(of, ports), 'its command is for the next agent').rejects.toThrow('stopping');
  const again = ['open again at 40001', 'hold', 'way for *:8080', 'forward', 'end unclaimed'];
  for (const _ of ['after the stop', 'after a death']) {
    acts.length = 0;
    await agent().resume();
    expect(acts).toEqual(again);
    expect(rules.size).toBe(1);
  }
});

it('is not taken up for a stack that is back, whose end of forwarding is still on the way', async () => {
  const { ledger, agent, acts, rules } = await setUp();
  const first = agent();
  await first.forward(of, { ...way, ports: [...ports, udp(53)] });
  await first.close();
  await ledger.amend('mig_1', (entry) => {
    entry.revived = true;
  });
  acts.length = 0;
  await agent().resume();
  expect(acts.join()).not.toMatch(/take|forward|way/);
  expect([recorded(ledger), rules.size]).toEqual([null, 0]);
});

it('is taken up again as soon as the holder is gone, with a way of its own', async () => {
  const { ledger, agent, acts, ways, loseHolder, fail } = await setUp();
  await agent().forward(of, way);
  acts.length = 0;
  loseHolder();
  await expect.poll(() => acts).toEqual(['open again at 40001', 'hold', 'way for *:8080', 'forward']);
  expect(ways.source).toBe(1);
  // One that fails is tried again.
  fail.add('hold');
  loseHolder();
  await expect.poll(() => acts.at(-1)).toBe('end');
  fail.clear();
  await expect.poll(() => acts.at(-1), { timeout: 10_000 }).toBe('forward');
  expect([ways.source, recorded(ledger)]).toEqual([1, expect.objectContaining({ to: expect.anything() })]);
});

it('is not taken up again once it was released', async () => {
  const { agent, acts, loseHolder } = await setUp();
  const keeper = agent();
  await keeper.hold(of, ports);
  const released = keeper.release('mig_1');
  loseHolder();
  await released;
  await keeper.close();
  expect(acts).toEqual(['open', 'hold', 'release', 'leave']);
});

it('leaves no rule that no record explains', async () => {
  const { agent, rules } = await setUp();
  rules.add('STACKFERRY-old');
  await agent().resume();
  expect(rules.size).toBe(0);
});

it('leaves no rule and no record if connections can’t be held', async () => {
  const { ledger, agent, rules, fail } = await setUp();
  fail.add('hold');
  await expect(agent().hold(of, ports)).rejects.toThrow('hold failed');
  expect([recorded(ledger), rules.size]).toEqual([null, 0]);
});

it.each(['end', 'release'] as const)(
  'tells the holder again if it could not %s it, and takes nothing up meanwhile',
  async (how) => {
    const { ledger, agent, acts, fail, rules } = await setUp();
    const keeper = agent();
    await keeper.hold(of, ports);
    fail.add(how);
    await expect(keeper[how]('mig_1')).rejects.toThrow(`${how} failed`);
    expect(rules.size, 'what a holder that does not answer left').toBe(0);
    fail.add('end');
    await keeper.close();
    acts.length = 0;
    const next = agent();
    await next.resume();
    expect([acts, recorded(ledger)]).toEqual([['end', 'end unclaimed'], expect.anything()]);
    fail.clear();
    await expect.poll(() => recorded(ledger), { timeout: 10_000 }).toBeNull();
    expect(acts.at(-1)).toBe('end');
  },
);

it('ends nothing that is wanted again since the holder could not be told', async () => {
  const { ledger, agent, acts, fail } = await setUp();
  const keeper = agent();
  await keeper.hold(of, ports);
  fail.add('end');
  await expect(keeper.end('mig_1')).rejects.toThrow('end failed');
  await keeper.hold(of, ports);
  fail.clear();
  await sleep(limits.forward.reconnectDelayMsMax + 500);
  expect([acts.at(-1), recorded(ledger)?.until_ms]).toEqual(['hold', limits.forward.holdingMsMax]);
});

it('ends by itself at its time, also if that passed while no agent ran', async () => {
  const { ledger, agent, acts, rules } = await setUp();
  await agent().forward(of, { ...way, until_ms: 20 });
  await expect.poll(() => recorded(ledger)).toBeNull();
  expect([acts.at(-1), rules.size]).toEqual(['end', 0]);
  await agent().forward(of, way);
  await agent({ now: () => way.until_ms }).resume();
  expect([recorded(ledger), rules.size]).toEqual([null, 0]);
});

it('ends if the control plane gives out no more tickets', async () => {
  const { ledger, agent, over } = await setUp();
  await agent().forward(of, way);
  over.reject(new Error('ticket_refused'));
  await expect.poll(() => recorded(ledger)).toBeNull();
});

it('does not cut what is passed on already when it is asked for the same again', async () => {
  const { agent, acts, ways } = await setUp();
  const keeper = agent();
  await keeper.forward(of, way);
  await keeper.receive(of, way);
  const before = [...acts];
  await keeper.forward(of, way);
  await keeper.receive(of, way);
  expect([acts, ways]).toEqual([before, { source: 1, target: 1 }]);
  await keeper.forward(of, { ...way, peer: 'host_c' });
  expect([acts.length > before.length, ways.source], 'to another host').toEqual([true, 1]);
});

it('removes no rule of a migration that began to hold while others were swept', async () => {
  const { ledger, agent, rules } = await setUp();
  await ledger.update({ migration_id: 'mig_2', project: 'blog', role: 'source' }, () => {});
  const blog = { migrationId: 'mig_2', project: 'blog' };
  const keeper = agent({
    sweep: async (stays) => {
      // Rules are listed, and looked at one by one.
      if (!rules.has(ruleName('mig_2'))) await agent({ sweep: async () => {} }).hold(blog, ports);
      for (const name of rules) if (!stays(name)) rules.delete(name);
    },
  });
  await keeper.hold(of, ports);
  await keeper.end('mig_1');
  expect([...rules]).toEqual([ruleName('mig_2')]);
});

it('goes on holding if the target’s end goes first on the way back', async () => {
  const { ledger, agent, over, rules } = await setUp();
  const keeper = agent();
  await keeper.forward(of, way);
  await keeper.hold(of, ports);
  over.reject(new Error('ticket_refused'));
  await keeper.hold(of, ports);
  expect([recorded(ledger)?.to, rules.size]).toEqual([null, 1]);
});

it('goes back to waiting before the target stops, and the way is closed with the release', async () => {
  const { agent, acts, ways } = await setUp();
  const keeper = agent();
  await keeper.forward(of, way);
  await keeper.hold(of, ports);
  expect([acts.at(-1), ways.source], 'what is passed on already goes on').toEqual(['hold', 1]);
  await keeper.release('mig_1');
  expect(ways.source).toBe(0);
});

it('receives on the target until it is told to stop, and again after a restart', async () => {
  const { ledger, agent, ways } = await setUp();
  await agent().receive(of, way);
  const next = agent();
  await next.resume();
  expect(ways.target).toBe(2);
  await next.endReceiving('mig_1');
  expect([ways.target, ledger.find('mig_1')?.receiving]).toEqual([1, null]);
});

it('passes nothing to a port that the stack has left', async () => {
  const { ledger, agent } = await setUp();
  let isHere: (() => boolean) | undefined;
  await ledger.update({ migration_id: 'mig_2', project: 'shop', role: 'target' }, (entry) => {
    Object.assign(entry, { deployed: true });
  });
  const keeper = agent({
    keepTarget: (_link, options) => {
      isHere = options.isHere;
      return new Promise(() => {});
    },
  });
  await keeper.receive({ migrationId: 'mig_2', project: 'shop' }, way);
  expect(isHere?.()).toBe(true);
  await ledger.update({ migration_id: 'mig_3', project: 'shop', role: 'source' }, (entry) => {
    entry.retained = true;
  });
  expect(isHere?.(), 'it has moved on').toBe(false);
  await keeper.forward({ migrationId: 'mig_3', project: 'shop' }, way);
  expect(isHere?.(), 'and takes its connections along').toBe(true);
  await ledger.amend('mig_2', (entry) => void Object.assign(entry, { halted: true }));
  expect(isHere?.(), 'it was rolled back').toBe(false);
});
