import { describe, expect, it } from 'vitest';
import type { ContainerState, DataUser } from '../../agent/engine/engine.ts';
import { embeddedPair, moveData, type TestHost, wholeVolumes } from './embedded-pair.ts';

/** Has an engine know of another container that uses the data. */
function beside({ engine }: TestHost, over: Partial<DataUser> = {}): DataUser {
  const user: DataUser = {
    ...{ id: 'x', name: 'backup', service: '', state: 'running', health: null, exit_code: null, restart_count: 0 },
    ...{ started_at: '2026-01-01T00:00:00Z', restart_policy: { name: 'no', maximum_retry_count: 0 }, of_stack: false },
    ...over,
  };
  const { dataUsers, inspectContainers, stop } = engine;
  engine.dataUsers = async (places) => [...(await dataUsers(places)), user];
  engine.inspectContainers = async (ids) => [
    ...(await inspectContainers(ids.filter((id) => id !== 'x'))),
    ...(ids.includes('x') ? [user] : []),
  ];
  engine.stop = async (ids, ...rest) => {
    if (ids.includes('x')) user.state = 'exited';
    return stop(
      ids.filter((id) => id !== 'x'),
      ...rest,
    );
  };
  return user;
}

const project = { project: 'guestbook' };
const running = async ({ engine }: TestHost) =>
  (await engine.containers('guestbook')).filter(({ state }: ContainerState) => state === 'running').length;
const prepare = ({ source, facts, items }: Awaited<ReturnType<typeof embeddedPair>>) =>
  source.perform('prepare_source', {
    ...project,
    source_dir: facts.working_dir,
    volumes: items.map(({ volume }) => volume),
    binds: [],
    exclude: [],
  });

describe('at rest', () => {
  it('P2: nothing is stopped on the source while anything else that can write its data runs', async () => {
    const pair = await embeddedPair();
    await prepare(pair);
    const before = await running(pair.source);
    const user = beside(pair.source);
    await expect(pair.source.perform('stop_stack', { ...project, expected: [], early: null })).rejects.toMatchObject({
      code: 'stack_running',
      message: expect.stringContaining('backup'),
    });
    expect(await running(pair.source)).toBe(before);
    user.state = 'exited';
    await pair.source.perform('stop_stack', { ...project, expected: [], early: null });
  });

  it('P2: what ran for a moment after the stop spoils the copy, what only exists does not', async () => {
    const pair = await embeddedPair();
    const user = beside(pair.source, { state: 'exited' });
    await prepare(pair);
    await pair.source.perform('stop_stack', { ...project, expected: [], early: null });
    const send = () => pair.source.perform('send_volumes', { ...project, peer: 't', items: [], ...wholeVolumes });
    await send();
    user.started_at = '2026-01-01T00:00:05Z';
    await expect(send()).rejects.toMatchObject({ code: 'stack_running', message: expect.stringContaining('backup') });
    Object.assign(user, { id: 'y', started_at: '0001-01-01T00:00:00Z', state: 'created' });
    await send();
  });

  it('P2 R27: nothing starts on the target beside another container on its data; a one-off run ends with the stack there', async () => {
    const pair = await embeddedPair();
    const { source, target, deployment } = pair;
    await moveData(pair);
    const user = beside(target);
    await expect(target.perform('deploy', { deployment })).rejects.toMatchObject({
      code: 'stack_running',
      message: expect.stringContaining('backup'),
    });
    expect(await running(target)).toBe(0);
    user.state = 'exited';
    await target.perform('deploy', { deployment });
    Object.assign(user, { state: 'running', of_stack: true, name: 'guestbook-run-1' });
    await target.perform('stop_target', project);
    expect(user.state).toBe('exited');
    expect(await running(target)).toBe(0);
    expect(await running(source)).toBe(0);
  });
});
