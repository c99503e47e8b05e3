import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { runSchedules } from '../../worker/cron/schedule.ts';
import type { Env } from '../../worker/env.ts';
import { closeCodes } from '../../worker/objects/host-connection/control-socket.ts';
import { connect } from './support/agent.ts';
import { bindings, call } from './support/api.ts';
import { bindingsWith } from './support/databases.ts';
import { twoHosts } from './support/hosts.ts';
import { join } from './support/node.ts';

/** Objects that are out of reach, as while the platform moves them. */
const away = {
  idFromName: (name: string) => env.HOST_CONNECTION.idFromName(name),
  get: () => {
    throw new Error('the object is out of reach');
  },
} as unknown as Env['HOST_CONNECTION'];

const owed = async () =>
  (await env.DB.prepare('SELECT id FROM node WHERE revocation_owed = 1').all<{ id: string }>()).results;

describe('a revocation that could not be told', () => {
  it('F41 B27: is owed, and the repair sweep closes the connection and tells the relays', async () => {
    const { admin, a } = await twoHosts();
    const relay = await connect(await join(admin, 'relay', 'r'));
    const agent = await connect(a);
    const bound = bindingsWith({ HOST_CONNECTION: away });
    expect((await call('DELETE', `/api/v1/hosts/${a.id}`, { token: admin, bound })).status).toBe(204);
    expect(agent.closed).toBeNull();
    expect(await owed()).toEqual([{ id: a.id }]);
    await runSchedules(bound, Date.now());
    expect(await owed()).toEqual([{ id: a.id }]);
    await runSchedules(bindings, Date.now());
    expect(await agent.end()).toMatchObject({ code: closeCodes.revoked });
    expect(await relay.take('revoked')).toMatchObject({ host_id: a.id });
    expect(await owed()).toEqual([]);
  });

  it('one that was told is owed no more', async () => {
    const { admin, a } = await twoHosts();
    await call('DELETE', `/api/v1/hosts/${a.id}`, { token: admin });
    expect(await owed()).toEqual([]);
  });
});
