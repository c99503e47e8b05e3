import dgram from 'node:dgram';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { until } from '../../cli/local/fleet.ts';
import type { MigrationView, TrafficView } from '../../schema/api/migrations.ts';
import { addressOf } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

/** Answers each datagram with the name of its host. */
const names = {
  'compose.yaml': `
services:
  names:
    image: sf-tools:1
    restart: always
    init: true
    ports: ["5300:5300/udp"]
    command:
      - perl
      - -MIO::Socket::INET
      - -e
      - |
        open my $$f, '<', '/proc/self/cgroup'; my $$name = join('', <$$f>) =~ /sf-b/ ? 'b' : 'a';
        my $$s = IO::Socket::INET->new(LocalPort => 5300, Proto => 'udp') or die;
        while (defined $$s->recv(my $$asked, 65535)) { $$s->send($$name) }
    volumes: [zones:/data]
volumes: { zones: {} }
`,
};

/** Asks twenty times a second, always from the same port, as a resolver or a sender of metrics does. */
async function asking() {
  const socket = dgram.createSocket('udp4');
  let last = '';
  socket.on('message', (answer) => {
    last = answer.toString();
  });
  socket.on('error', () => {});
  socket.connect(5300, addressOf.a);
  await once(socket, 'connect');
  const timer = setInterval(() => socket.send('who is it?', () => {}), 50);
  return {
    next: async () => {
      last = '';
      await expect.poll(() => last, { timeout: 10_000 }).not.toBe('');
      return last;
    },
    close: () => {
      clearInterval(timer);
      socket.close();
    },
  };
}

describeDocker('clients of a UDP port at the old address, between two real Docker hosts', () => {
  const rig = useDockerRig();
  const view = (id: string) => rig().api.get<MigrationView>(`/migrations/${id}`);
  const settled = (id: string) => until(async () => (await view(id)).owed.length === 0, 'what is owed');

  it('are answered by the copy that runs: before a move, after it, after its rollback', async () => {
    const { hosts, up, migrate, ended, api } = rig();
    await up('names', names);
    const clients = [await asking()];
    try {
      expect(await clients[0]?.next()).toBe('a');
      const { id } = await migrate('names', hosts.b, { forward: true });
      expect((await ended(id)).failure).toBeNull();
      await settled(id);
      clients.push(await asking());
      for (const client of clients) expect(await client.next(), 'after the move').toBe('b');
      const { ports } = await api.get<TrafficView>(`/migrations/${id}/traffic`);
      expect(ports).toEqual(
        expect.arrayContaining([expect.objectContaining({ port: expect.stringMatching(/5300\/udp$/) })]),
      );

      await hosts.a.stop('SIGKILL');
      await hosts.a.restart();
      for (const client of clients) expect(await client.next(), 'after a restart of the agent').toBe('b');

      await api.post(`/migrations/${id}/rollback`, {});
      await until(async () => (await view(id)).status === 'rolled_back', 'the rollback', 120_000);
      await settled(id);
      for (const client of clients) expect(await client.next(), 'after the rollback').toBe('a');
    } finally {
      for (const client of clients) client.close();
    }
  }, 240_000);
});
