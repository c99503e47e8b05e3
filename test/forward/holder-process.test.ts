import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { openHolderSession } from '../../agent/forward/holder-session.ts';
import { connectHolder } from '../../agent/forward/holder-socket.ts';
import { createForwardKeeper } from '../../agent/forward/keeper.ts';
import { openMigrationLedger } from '../../agent/migration-ledger.ts';
import { program } from '../../agent/program.ts';
import { sleep } from '../../node/sleep.ts';
import { limits } from '../../schema/limits.ts';
import { eventually, temporaryDirectory } from '../agent/temporary.ts';
import { connectClient, echoApp, endOf, later, makeHolderHost, migration, ports } from './holder-rig.ts';

type Host = Awaited<ReturnType<typeof makeHolderHost>>;

/** An agent that holds, and a client that waits with what it has sent. */
async function holding(host: Host) {
  const agent = host.agent();
  const held = await host.open(agent);
  await held.hold(later());
  const port = held.redirects[0]!.listener;
  const client = connectClient(port);
  client.end('sent while it waited');
  await eventually(async () => (await held.traffic()).held === 1, 'a held connection');
  return { agent, held, client, port };
}

describe('connections outlive the agent', () => {
  it('held ones wait for the next one, and are passed on by it, as are those that came in between', async () => {
    const host = await makeHolderHost();
    const { agent, held, client, port } = await holding(host);
    agent.close();
    const between = connectClient(port);
    between.end('in between');
    const next = await host.open(host.agent());
    expect(next.redirects).toEqual(held.redirects);
    await next.hold(later());
    await next.forward((await echoApp()).connect);
    expect([await text(client), await text(between)]).toEqual(['sent while it waited', 'in between']);
    expect((await next.traffic()).ports[0]?.total, 'counts go on').toBe(2);
    expect(host.holders).toHaveLength(1);
  });

  it('are passed on by the thousand, through agents that come and go meanwhile', async () => {
    const host = await makeHolderHost();
    const { agent, held, client, port } = await holding(host);
    const app = await echoApp();
    const clients = Array.from({ length: 1_000 }, (_, number) => ({ number, socket: connectClient(port) }));
    for (const { number, socket } of clients) socket.end(`${number}`);
    await eventually(async () => (await held.traffic()).held === 1_001, 'held connections');
    // It never gets an answer of the target.
    await held.forward((_connection, signal) => new Promise((_, reject) => signal.addEventListener('abort', reject)));
    await sleep(100);
    agent.close();
    const next = await host.open(host.agent());
    await next.hold(later());
    await next.forward(app.connect);
    const answers = await Promise.all([client, ...clients.map(({ socket }) => socket)].map((socket) => text(socket)));
    expect(answers).toEqual(['sent while it waited', ...clients.map(({ number }) => `${number}`)]);
  });

  it('new ones wait while a forwarding has no agent; those that went through it break', async () => {
    const host = await makeHolderHost();
    const agent = host.agent();
    const held = await host.open(agent);
    await held.hold(later());
    const app = await echoApp();
    await held.forward(app.connect);
    const port = held.redirects[0]!.listener;
    const through = connectClient(port);
    through.write('x');
    await new Promise((resolve) => through.once('data', resolve));
    agent.close();
    expect(await endOf(through)).toBe('ECONNRESET');
    const waits = connectClient(port);
    waits.end('later');
    const next = await host.open(host.agent());
    await next.hold(later());
    await next.forward(app.connect);
    expect(await text(waits)).toBe('later');
  });

  it('a reset of the client reaches the app as one, not as an end', async () => {
    const host = await makeHolderHost();
    const held = await host.open(host.agent());
    await held.hold(later());
    const app = await echoApp();
    await held.forward(app.connect);
    const client = connectClient(held.redirects[0]!.listener);
    client.write('half of it');
    await new Promise((resolve) => client.once('data', resolve));
    client.resetAndDestroy();
    await eventually(() => app.ends.length > 0, 'the end of the connection');
    expect(app.ends).toEqual(['ECONNRESET']);
  });

  it('those that a released stack has again need no agent', async () => {
    const host = await makeHolderHost({ holderIdleMsMax: 50 });
    const { agent, client } = await holding(host);
    const ended = endOf(client);
    await agent.release(migration);
    agent.close();
    // Nothing listens at the published port here.
    expect(await ended).toBe('ECONNRESET');
    expect([host.rules.size, host.redirected.size]).toEqual([0, 0]);
    await host.holders[0]!.ended;
  });

  it('what no agent asked for again is ended', async () => {
    const host = await makeHolderHost();
    const { agent, client } = await holding(host);
    agent.close();
    await host.agent().endUnclaimed();
    expect([host.rules.size, await endOf(client)]).toEqual([0, 'end']);
  });

  it('a failure of the firewall comes to the agent as it is', async () => {
    const host = await makeHolderHost();
    host.failing.add('protect');
    const agent = host.agent();
    const held = await host.open(agent);
    await expect(held.hold(later())).rejects.toThrow('the firewall fails');
    await agent.end(migration);
    expect(host.rules.size).toBe(0);
  });
});

describe('rules that a reload of the firewall drops', () => {
  it('are back soon, and what waits goes on waiting', async () => {
    const host = await makeHolderHost({ rulesLookMs: 30 });
    const { agent, held, client } = await holding(host);
    for (const dropped of [host.rules, host.redirected]) {
      dropped.clear();
      await eventually(() => host.rules.size === 1 && host.redirected.size === 1, 'the rules');
    }
    await held.forward((await echoApp()).connect);
    expect(await text(client)).toBe('sent while it waited');
    await agent.end(migration);
    expect([host.rules.size, host.redirected.size]).toEqual([0, 0]);
  });

  it('do not come back once the stack has its connections again, nor before they are held', async () => {
    const host = await makeHolderHost({ rulesLookMs: 10 });
    const agent = host.agent();
    const held = await host.open(agent);
    await sleep(60);
    expect(host.rules.size).toBe(0);
    await held.hold(later());
    await agent.release(migration);
    await sleep(60);
    expect([host.rules.size, host.redirected.size]).toEqual([0, 0]);
  });

  it('are tried again while the firewall fails', async () => {
    const host = await makeHolderHost({ rulesLookMs: 10 });
    await holding(host);
    host.failing.add('protect');
    host.rules.clear();
    await sleep(60);
    expect(host.rules.size).toBe(0);
    host.failing.clear();
    await eventually(() => host.rules.size === 1, 'the rules');
  });
});

describe('a holder that ends', () => {
  it('is noticed by the agent, which takes everything up again at the same listeners', async () => {
    const host = await makeHolderHost();
    const ledger = await openMigrationLedger(await temporaryDirectory());
    const holder = host.agent();
    const keeper = createForwardKeeper({
      ...{ ledger, holder, log: host.log, sweep: async () => {} },
      dialer: () => async () => Promise.reject(new Error('unused')),
    });
    await keeper.hold({ migrationId: migration, project: 'shop' }, ports);
    const before = ledger.find(migration)?.forwarding?.listeners;
    await host.holders[0]!.end('it dies');
    expect(host.rules.size).toBe(0);
    await eventually(() => host.redirected.size === 1, 'the rules of the next holder');
    expect(host.holders).toHaveLength(2);
    expect(ledger.find(migration)?.forwarding?.listeners).toEqual(before);
    const client = connectClient(before![0]!.listener);
    await eventually(async () => (await keeper.traffic(migration))?.held === 1, 'a held connection');
    const ended = endOf(client);
    await keeper.end(migration);
    expect([await ended, host.rules.size]).toEqual(['end', 0]);
    await keeper.close();
  });

  it('of another release ends when it is asked, and the agent starts its own', async () => {
    const host = await makeHolderHost();
    await host.serve({ version: 0 });
    const old = await host.open(host.agent({ version: 0 }));
    await old.hold(later());
    const held = await host.open(host.agent(), old.redirects);
    expect([host.holders.length, host.rules.size]).toEqual([2, 0]);
    await host.holders[0]!.ended;
    expect(held.redirects).toEqual(old.redirects);
    await held.hold(later());
    expect(host.rules.size).toBe(1);
  });

  it('at the time that it was told, cleanly', async () => {
    const host = await makeHolderHost({ holderIdleMsMax: 50 });
    const { held, client } = await holding(host);
    await held.hold(Date.now() + 50);
    expect(await endOf(client)).toBe('end');
    // An idle one may have ended before there was anything to hold.
    await host.holders.at(-1)!.ended;
    expect([host.rules.size, existsSync(host.socket)]).toEqual([0, false]);
  });

  it('once no agent has come for long enough', async () => {
    const host = await makeHolderHost({ agentAwayMsMax: 100 });
    const { agent, client } = await holding(host);
    agent.close();
    expect(await endOf(client)).toBe('end');
    await host.holders[0]!.ended;
    expect([host.rules.size, existsSync(host.socket)]).toEqual([0, false]);
  });

  it('when nothing is taken any more; the agent starts another when it needs one', async () => {
    const host = await makeHolderHost({ holderIdleMsMax: 50 });
    const { agent } = await holding(host);
    await agent.end(migration);
    await host.holders[0]!.ended;
    await (await host.open(agent)).hold(later());
    expect([host.holders.length, host.rules.size]).toEqual([2, 1]);
  });

  it('when its socket is removed, as with the state directory', async () => {
    const host = await makeHolderHost();
    const { agent } = await holding(host);
    agent.close();
    await rm(host.socket);
    await host.holders[0]!.ended;
    expect(host.rules.size).toBe(0);
  });
});

describe('the socket of a state directory', () => {
  it('is for its owner only, and has one holder, whoever starts how many', async () => {
    const host = await makeHolderHost();
    const started = await Promise.all([host.serve(), host.serve(), host.serve()]);
    expect(started.filter((server) => server !== null)).toHaveLength(1);
    expect(await host.serve()).toBeNull();
    expect((await stat(host.socket)).mode & 0o777).toBe(0o600);
  });

  it('of a dead holder keeps no other from starting', async () => {
    const host = await makeHolderHost();
    await writeFile(host.socket, '');
    await host.open(host.agent());
    expect(host.holders).toHaveLength(1);
  });

  it('may have a path that is longer than an address', async () => {
    const dir = join(await temporaryDirectory(), 'd'.repeat(120));
    await mkdir(dir);
    const host = await makeHolderHost({}, dir);
    const { held, client } = await holding(host);
    await held.forward((await echoApp()).connect);
    expect(await text(client)).toBe('sent while it waited');
  });

  it('takes no line that is malformed, too long, late or of nobody', async () => {
    const host = await makeHolderHost({ holderHelloMsMax: 100 });
    const { held, client } = await holding(host);
    const long = 'x'.repeat(limits.forward.holderLineBytesMax + 1);
    const hello = `${JSON.stringify({ type: 'hello', version: -1 })}\n`;
    const way = `${JSON.stringify({ type: 'way', session: 99, migration_id: migration })}\n`;
    for (const said of ['{"type":"hold"}\n', 'no JSON\n', long, '', `${hello}{"type":"open"}\n`, way]) {
      const socket = await connectHolder(host.stateDir);
      void endOf(socket);
      socket.write(said);
      await endOf(socket);
    }
    expect((await held.traffic()).held).toBe(1);
    await held.forward((await echoApp()).connect);
    expect(await text(client)).toBe('sent while it waited');
  });

  it('has one agent: of two at once the later one decides, and the earlier one does not fight for it', async () => {
    const host = await makeHolderHost();
    const { agent, client } = await holding(host);
    let losses = 0;
    agent.onLost(() => (losses += 1));
    const next = await host.open(host.agent());
    await expect(agent.end(migration)).rejects.toMatchObject({ code: 'command_failed' });
    await expect(agent.end(migration), 'nor later').rejects.toMatchObject({ code: 'command_failed' });
    await next.hold(later());
    await next.forward((await echoApp()).connect);
    expect(await text(client)).toBe('sent while it waited');
    expect([losses, host.holders.length, host.rules.size]).toEqual([0, 1, 1]);
  });
});

it('runs as a part of the agent’s program, and leaves nothing when it is told to end', async () => {
  const stateDir = await temporaryDirectory();
  const child = spawn(process.execPath, [program, 'connection-holder', stateDir], { stdio: 'ignore' });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const session = await eventually(() => openHolderSession(stateDir, () => {}).catch(() => null), 'the holder');
  expect(await session.ask({ type: 'end_unclaimed' })).toBeNull();
  await expect(session.ask({ type: 'traffic', migration_id: migration })).rejects.toMatchObject({
    code: 'not_forwarding',
  });
  child.kill('SIGTERM');
  expect(await exited).toBe(0);
  expect(existsSync(join(stateDir, 'connection-holder.sock'))).toBe(false);
});
