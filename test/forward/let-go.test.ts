import net from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openHolderSession } from '../../agent/forward/holder-session.ts';
import { connectHolder } from '../../agent/forward/holder-socket.ts';
import { createForwardKeeper } from '../../agent/forward/keeper.ts';
import { openMigrationLedger } from '../../agent/migration-ledger.ts';
import { sleep } from '../../node/sleep.ts';
import { limits } from '../../schema/limits.ts';
import { temporaryDirectory } from '../agent/temporary.ts';
import { makeHolderHost, migration, ports } from './holder-rig.ts';

type Broken = 'unread' | 'unanswered';
const whenever: Broken[] = ['unread', 'unanswered'];
const project = 'shop';

/**
 * A directory from which an agent reaches the holder of another one. The connection breaks at the first acts of this type:
 * before the holder reads one, or when it has answered.
 */
async function breakingAt(stateDir: string, type: string, when: Broken, times = 1): Promise<string> {
  const dir = await temporaryDirectory();
  let left = times;
  const server = net.createServer(async (agent) => {
    agent.on('error', () => {});
    const holder = await connectHolder(stateDir);
    let isAnswerLost = false;
    const cut = () => {
      agent.destroy();
      holder.destroy();
    };
    agent.once('close', cut).on('data', (bytes) => {
      if (left > 0 && bytes.includes(`"type":"${type}"`)) {
        left -= 1;
        if (when === 'unread') return cut();
        isAnswerLost = true;
      }
      holder.write(bytes);
    });
    holder.once('close', cut).on('data', (bytes) => {
      if (isAnswerLost) cut();
      else agent.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(join(dir, 'connection-holder.sock'), resolve));
  onTestFinished(() => void server.close());
  return dir;
}

/** An agent, and a holder that looks after its rules all the time. */
async function makeAgent(type: string, when: Broken, times?: number) {
  const host = await makeHolderHost({ rulesLookMs: 5 });
  await host.serve();
  const ledger = await openMigrationLedger(await temporaryDirectory());
  const keeper = createForwardKeeper({
    ...{ ledger, log: host.log },
    holder: host.agent({ stateDir: await breakingAt(host.stateDir, type, when, times) }),
    dialer: () => async () => Promise.reject(new Error('unused')),
    sweep: async (stays) => {
      for (const set of [host.rules, host.redirected]) for (const name of set) if (!stays(name)) set.delete(name);
    },
  });
  onTestFinished(() => keeper.close());
  const expectNothing = async () => {
    expect(ledger.find(migration)?.forwarding ?? null).toBeNull();
    // Time for the holder to put back what it would.
    await sleep(100);
    expect([host.rules.size, host.redirected.size]).toEqual([0, 0]);
    const session = await openHolderSession(host.stateDir, () => {});
    await expect(session.ask({ type: 'traffic', migration_id: migration })).rejects.toMatchObject({
      code: 'not_forwarding',
    });
    session.close();
  };
  return { host, keeper, expectNothing };
}

describe('a holder whose connection to the agent breaks keeps nothing that no record explains', () => {
  it.each(whenever)('when connections are to be held, and that is %s', async (when) => {
    const { keeper, expectNothing } = await makeAgent('hold', when);
    await expect(keeper.hold({ migrationId: migration, project }, ports)).rejects.toMatchObject({
      code: 'command_failed',
    });
    await expectNothing();
  });

  it('when listeners are opened, again and again', async () => {
    const { keeper, expectNothing } = await makeAgent('open', 'unanswered', limits.forward.holderTriesMax);
    await expect(keeper.hold({ migrationId: migration, project }, ports)).rejects.toMatchObject({
      code: 'command_failed',
    });
    await expectNothing();
  });

  for (const how of ['end', 'release'] as const)
    it.each(whenever)(`when it is told to ${how} it, and that is %s`, async (when) => {
      const { host, keeper, expectNothing } = await makeAgent(how, when);
      await keeper.hold({ migrationId: migration, project }, ports);
      expect([host.rules.size, host.redirected.size]).toEqual([1, 1]);
      await keeper[how](migration);
      await expectNothing();
    });
});
