import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createEmbeddedEngine } from '../../../agent/engine/embedded/embedded-engine.ts';
import { openHostRoot } from '../../../agent/engine/embedded/host-root.ts';
import type { StackFile } from '../../../agent/engine/embedded/stack-file.ts';
import { downHost, killHost, upStack } from '../../../agent/engine/embedded/stack-lifecycle.ts';
import type { ContainerState } from '../../../agent/engine/engine.ts';
import type { Deployment } from '../../../schema/deployment.ts';
import { eventually, temporaryDirectory } from '../../agent/temporary.ts';

type Services = { [name: string]: Partial<StackFile['services'][string]> };
const forever = ['node', '-e', 'setInterval(() => {}, 1000)'];
const signal = () => AbortSignal.timeout(10_000);

/** A host that runs a project "p" of these services. */
async function hostWith(services: Services) {
  const root = await temporaryDirectory();
  const host = await openHostRoot(root);
  await mkdir(join(host.stacks, 'p'));
  await writeFile(join(host.stacks, 'p', 'compose.json'), JSON.stringify({ services, volumes: { data: {} } }));
  await upStack(root, 'p');
  let engine = await createEmbeddedEngine({ root });
  onTestFinished(async () => {
    await engine.close();
    await downHost(root);
  });
  const only = async (): Promise<ContainerState> => (await engine.containers('p'))[0]!;
  return {
    root,
    get engine() {
      return engine;
    },
    only,
    until: (want: Partial<ContainerState>) =>
      eventually(async () => {
        const now = await only();
        return Object.entries(want).every(([key, value]) => now[key as keyof ContainerState] === value) && now;
      }, JSON.stringify(want)),
    restartAgent: async () => {
      await engine.close();
      engine = await createEmbeddedEngine({ root });
    },
    reboot: async () => {
      await engine.close();
      await killHost(root);
      await eventually(async () => (await only()).state === 'exited', 'the end of all processes');
      engine = await createEmbeddedEngine({ root });
    },
  };
}

describe('containers of the embedded engine', () => {
  test('they outlive their agent, and are found again by the next one', async () => {
    const host = await hostWith({ web: { command: forever } });
    const before = await host.until({ state: 'running' });
    await host.restartAgent();
    expect(await host.only()).toEqual(before);
  });

  test('the exit code of what ended while no agent lived is known', async () => {
    const host = await hostWith({
      job: { command: ['node', '-e', 'setTimeout(() => process.exit(7), 150)'], one_shot: true },
    });
    await host.restartAgent();
    await host.until({ state: 'exited', exit_code: 7 });
  });

  test('`always` is followed after a crash, with its restarts counted', async () => {
    const host = await hostWith({
      web: { command: ['node', '-e', 'setTimeout(() => process.exit(1), 50)'], restart: 'always' },
    });
    await host.until({ restart_count: 1 });
  });

  test('F25: what ignores SIGTERM is killed at its stop timeout, and named', async () => {
    const stubborn = [
      'node',
      '-e',
      'process.on("SIGTERM", () => {}); require("fs").writeFileSync("up", ""); setInterval(() => {}, 1000)',
    ];
    const host = await hostWith({ web: { command: stubborn, stop_grace_ms: 200 } });
    const { existsSync } = await import('node:fs');
    await eventually(() => existsSync(join(host.root, 'stacks/p/up')), 'its handler');
    expect(await host.engine.stop([(await host.only()).id], signal())).toEqual(['p-web-1']);
    expect(await host.only()).toMatchObject({ state: 'exited', exit_code: 137 });
  });

  test('what is stopped in the moment it starts does not run on', async () => {
    const host = await hostWith({ web: { command: forever } });
    const { id } = await host.only();
    for (let round = 0; round < 15; round += 1) {
      await host.engine.startStack({ before: [] as Deployment['before'] } as Deployment, [id], signal());
      await host.engine.stop([id], signal());
      expect((await host.only()).state).toBe('exited');
    }
  });

  test('F27: after a reboot `always` comes back, even what was stopped; what is disarmed stays down', async () => {
    const host = await hostWith({ web: { command: forever, restart: 'always' } });
    const { id } = await host.until({ state: 'running' });
    await host.engine.stop([id], signal());
    await host.reboot();
    await host.until({ state: 'running' });
    await host.engine.disarm([id]);
    await host.engine.stop([id], signal());
    await host.reboot();
    expect(await host.only()).toMatchObject({ state: 'exited', restart_policy: { name: 'no' } });
  });

  test('a restore puts back policies and what ran, and runs no job again', async () => {
    const host = await hostWith({
      web: { command: forever, restart: 'unless-stopped' },
      job: { command: ['node', '-e', ''], one_shot: true },
    });
    const settled = await eventually(async () => {
      const all = await host.engine.containers('p');
      return all.some(({ exit_code }) => exit_code === 0) && all;
    }, 'the job');
    const prior = settled.map(({ id, name, service, state, restart_policy }) => ({
      id,
      name,
      service,
      running: state === 'running',
      restart_policy,
      state,
      health: null,
      image: null,
    }));
    await host.engine.disarm(prior.map(({ id }) => id));
    await host.engine.stop(
      prior.map(({ id }) => id),
      signal(),
    );
    await host.engine.restore(prior, signal(), null);
    const after = await host.engine.containers('p');
    const job = (states: ContainerState[]) => states.find(({ service }) => service === 'job');
    expect(job(after)).toEqual(job(settled));
    expect(after.find(({ service }) => service === 'web')).toMatchObject({
      state: 'running',
      restart_policy: { name: 'unless-stopped' },
    });
  });

  test('a healthcheck goes from starting to healthy, and to unhealthy once it fails often enough', async () => {
    const check = { command: ['node', '-e', 'require("fs").accessSync("well")'], interval_ms: 50, retries: 2 };
    const host = await hostWith({ web: { command: forever, healthcheck: check } });
    expect((await host.only()).health).toBe('starting');
    await host.until({ health: 'unhealthy' });
    await writeFile(join(host.root, 'stacks/p/well'), '');
    await host.until({ health: 'healthy' });
  });

  test('the target tells what is taken: by its own records, so that a source on the same machine does not count', async () => {
    const source = await hostWith({ web: { command: forever, ports: [18_999], volumes: ['data:/data'] } });
    const facts = await source.engine.inspectStack('p', signal());
    const free = await createEmbeddedEngine({ root: await temporaryDirectory() });
    onTestFinished(() => free.close());
    const room = await free.checkTarget(facts, { bindPlaces: [], source: null }, signal());
    expect([room.ports_taken, room.volumes_taken, room.project_resources, room.path.free]).toEqual([[], [], [], true]);
    const taken = await source.engine.checkTarget(facts, { bindPlaces: [], source: null }, signal());
    expect(taken.ports_taken).toEqual([{ name: '18999/tcp', by: 'p-web-1' }]);
    expect(taken.volumes_taken).toEqual([{ name: 'p_data', migration_id: null }]);
    expect(taken.project_resources?.map(({ name }) => name)).toEqual(['p-web-1', 'p_default', 'p_data']);
    expect(taken.path.free).toBe(false);
  });

  test('facts carry no environment values, and tell when the file is no longer what runs', async () => {
    const host = await hostWith({ web: { command: forever, environment: { PASSWORD: 'canary-in-the-file' } } });
    await writeFile(join(host.root, 'stacks/p/.env'), 'SECRET=canary-in-the-env\n');
    const facts = await host.engine.inspectStack('p', signal());
    expect(JSON.stringify([facts, await host.engine.stacks()])).not.toContain('canary');
    expect(facts.drift.current).toBe(true);
    await writeFile(
      join(host.root, 'stacks/p/compose.json'),
      JSON.stringify({ services: { web: { command: ['other'] } } }),
    );
    expect((await host.engine.inspectStack('p', signal())).drift.current).toBe(false);
  });

  test('an unknown image, an unknown stack and a damaged stack file are told as such', async () => {
    const host = await hostWith({ web: { command: forever, image: 'postgres:17' } });
    const facts = await host.engine.inspectStack('p', signal());
    expect((await host.engine.checkTarget(facts, { bindPlaces: [], source: null }, signal())).images).toMatchObject([
      { state: 'not_found' },
    ]);
    await expect(host.engine.ensureImages([facts.services[0]!.image], signal())).rejects.toMatchObject({
      code: 'image_unavailable',
    });
    await expect(host.engine.inspectStack('q', signal())).rejects.toMatchObject({ code: 'stack_not_found' });
    await writeFile(join(host.root, 'stacks/p/compose.json'), '{');
    expect((await host.engine.inspectStack('p', signal())).compose_errors).toHaveLength(1);
  });
});
