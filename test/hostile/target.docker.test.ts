import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeAck, encodeControl } from '../../agent/transfer/frame-codec.ts';
import type { Outcome } from '../../schema/agent-protocol.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import type { Command } from '../../schema/commands.ts';
import type { TargetFacts } from '../../schema/target-facts.ts';
import { frameType } from '../../schema/volume-stream.ts';
import { docker, type HostName } from '../docker/two-hosts.ts';
import { describeDocker } from '../docker/use-docker-rig.ts';
import { escapes } from '../support/hostile-values.ts';
import { bareHeader, chunkFrame, framesOf, welcomeFrame } from '../transfer/raw-peer.ts';
import { type FalseHost, type Script, startFalseHost, ticketIn } from './false-host.ts';
import { secrets, untouched, useHostileRig } from './hostile-rig.ts';

const prey = {
  'compose.yaml': `
name: prey
services:
  app: { image: "sf-busybox:1", init: true, command: [sleep, "100000"], restart: always, volumes: ["data:/data"] }
volumes: { data: {} }
`,
};

const ok = (data: unknown): Outcome => ({ ok: true, data });
const givesUp: Outcome = { ok: false, error: { code: 'unpack_failed', message: 'so it says', log_tail: [] } };
const zeros = '0'.repeat(64);
const proof = (lane: string) => ({ lane, bytes: 1, sha256: zeros, manifest_sha256: zeros, entries: 1 });

/** Says that it did everything, and did nothing. */
const claims: Record<string, unknown> = {
  prepare_target: { volumes: ['prey_data'] },
  receive_volumes: { proofs: [proof('v0')] },
  receive_project: { proof: proof('project') },
  warm_target: { passages: [proof('w0')] },
  stage_target: { proof: proof('staged') },
  cleanup_target: { removed: [], remaining: [] },
};
const claim = ({ kind }: Command): Outcome => ok(claims[kind] ?? {});

/** As `claim`, but for one command. */
const but =
  (kind: Command['kind'], act: (command: Command) => Promise<Outcome> | Outcome): Script['command'] =>
  (command) =>
    command.kind === kind ? act(command) : claim(command);

/** Running containers of stacks; a source keeps its helpers for a while. */
async function servicesOf(host: HostName): Promise<string[]> {
  const names = await docker(host, 'ps', '--filter', 'label=com.docker.compose.project', '--format', '{{.Names}}');
  return names.split('\n').filter(Boolean).sort();
}

describeDocker('a target in wrong hands, with a real certificate', () => {
  // What a source waits for a target that says nothing is minutes.
  const rig = useHostileRig({
    stream: { reconnectMsMax: 5_000, patienceMsMax: 5_000, silenceMsMax: 2_000, aliveIntervalMs: 500 },
  });
  let target: FalseHost;
  beforeAll(async () => {
    target = await startFalseHost(rig(), 'f');
    await rig().up('b', 'prey', prey);
    await docker('b', 'exec', 'prey-app-1', 'sh', '-c', 'echo kept > /data/file');
  }, 120_000);
  afterAll(() => target?.close());

  /** Everything is as it was on the honest host, its agent lives, and nothing of others is known to the target. */
  async function attack(script: Script, options: Record<string, unknown> = {}): Promise<MigrationView> {
    const before = await untouched(rig());
    target.script = script;
    target.commands.length = 0;
    const { id } = await rig().migrate('prey', { ...rig().honest, id: target.id }, options);
    const migration = await rig().ended(id);
    expect(migration.status).toBe('failed');
    expect(await servicesOf('b')).toEqual(['bank-db-1', 'prey-app-1']);
    expect(await docker('b', 'exec', 'prey-app-1', 'cat', '/data/file')).toBe('kept\n');
    const policy = ['inspect', '-f', '{{.HostConfig.RestartPolicy.Name}}', 'prey-app-1'];
    expect((await docker('b', ...policy)).trim()).toBe('always');
    expect(await untouched(rig())).toEqual(before);
    for (const [where, secret] of Object.entries(secrets)) expect(target.loot(), where).not.toContain(secret);
    return migration;
  }

  describe('says of itself what is not so', () => {
    const lies: [string, Script['command'], string][] = [
      ['that it received what it never asked for', claim, 'transfer_interrupted'],
      [
        'other digests than those of what came',
        but('receive_volumes', async (command) => {
          await target.receive(command, 'v0');
          return ok(claims.receive_volumes);
        }),
        'digest_mismatch',
      ],
      [
        'the right bytes, and another manifest, also of volumes that are not its own',
        but('receive_volumes', async (command) => {
          const got = await target.receive(command, 'v0');
          const other = { ...proof('v1'), lane: `v1${escapes}` };
          return ok({ proofs: [other, { ...proof('v0'), ...got }, { ...proof('v0'), ...got }] });
        }),
        'manifest_mismatch',
      ],
      ['nothing that can be read', but('receive_volumes', () => ok({ proofs: escapes })), 'command_failed'],
    ];
    it.each(lies)(
      'B32 %s',
      async (_, command, code) => {
        expect(await attack({ command })).toMatchObject({ failure: { step: 'transferring', code } });
      },
      120_000,
    );

    it('B32 in a pre-copy: that it has the passes, which it did not take', async () => {
      const migration = await attack({ command: claim }, { mode: 'pre-copy' });
      expect(migration).toMatchObject({ failure: { step: 'preparing' } });
      expect(target.commands.map(({ kind }) => kind)).not.toContain('receive_volumes');
    }, 120_000);
  });

  it('B29 B32 frames that no target sends: refused one by one, then the target is given up', async () => {
    const data = Buffer.from('bytes');
    const bad = [
      [bareHeader(frameType.verified, -1)],
      [bareHeader(99, 0)],
      [welcomeFrame(0), chunkFrame(0, data)],
      [welcomeFrame(0), encodeAck(4_000_000_000, 4_000_000_000)],
      [welcomeFrame(0), welcomeFrame(0)],
      [encodeControl('welcome', { version: 1, next: 0, verified: { bytes: -1, sha256: '../x' } })],
      [welcomeFrame(0), encodeControl('verified', { bytes: 0, sha256: zeros }).subarray(0, 9)],
      [Buffer.alloc(100_000, 0xff)],
    ];
    const command = but('receive_volumes', async (received) => {
      for (const frames of bad) {
        const socket = await target.dial(received, 'v0').catch(() => null);
        if (!socket) break;
        const heard = framesOf(socket);
        socket.write(Buffer.concat(frames));
        while (await heard.next());
      }
      return new Promise<Outcome>(() => {});
    });
    const migration = await attack({ command });
    expect(migration).toMatchObject({ failure: { step: 'transferring' } });
    expect(['transfer_protocol', 'transfer_interrupted']).toContain(migration.failure?.code);
  }, 120_000);

  it('B29 B30 two connections at once, a ticket that was used, lanes that nobody announced: none brings more', async () => {
    const outcomes: string[] = [];
    const command = but('receive_volumes', async (received) => {
      const ticket = ticketIn(await target.ticket(received.migration_id, 'v0'));
      await target.receive(received, 'v0');
      const again = async (lane: string, given?: typeof ticket) => {
        const socket = await target.dial(received, lane, given);
        socket.destroy();
        return 'joined';
      };
      const tries = [again('v0', ticket), again('v0', ticket), again('v1'), again('../../etc'), again('project')];
      outcomes.push(...(await Promise.all(tries.map((one) => one.catch((error: Error) => error.message)))));
      return givesUp;
    });
    await attack({ command });
    expect(outcomes).toHaveLength(5);
    expect(outcomes).not.toContain('joined');
  }, 120_000);

  it('B28 B32 words full of escapes, of another host’s commands, twice and out of turn: told harmlessly', async () => {
    const message = `${escapes}${'x'.repeat(10_000)}`;
    const failure = { ok: false, error: { code: 'no such code', message, log_tail: Array(900).fill(escapes) } };
    const command = but('receive_volumes', ({ id, migration_id }) => {
      const number = Number(id.split('.').at(-1));
      for (const other of [number - 1, number + 1, number + 9, number])
        target.say({ type: 'result', command_id: `${migration_id}.${other}`, outcome: failure });
      target.say({ type: 'inventory', stacks: [], leftovers: [{ project: 'bank', migration_id }] });
      return failure as Outcome;
    });
    const migration = await attack({ command });
    expect(migration).toMatchObject({ failure: { step: 'transferring' } });
    expect(migration.failure!.message.length).toBeLessThanOrEqual(2_000);
    const { items } = await rig().api.get<{ items: { name: string; host_id: string }[] }>('/stacks');
    expect(items.map(({ name, host_id }) => [name, host_id])).toEqual([
      ['bank', rig().honest.id],
      ['prey', rig().honest.id],
    ]);
  }, 120_000);

  it('P4 facts that would have the source send other images, or other files', async () => {
    const fit = (facts: TargetFacts) => ({
      ...facts,
      project_path: `/../..${escapes}`,
      images: Array(3)
        .fill('sf-busybox:1')
        .map((reference: string) => ({
          ...{ reference, state: 'not_found', detail: escapes, layers_present: -5, loadable: true },
        })),
    });
    const command = but('receive_images', async (received) => {
      await target.receive(received, 'images');
      return givesUp;
    });
    const migration = await attack({ command, fit });
    expect(migration).toMatchObject({ failure: { step: 'preparing', code: 'unpack_failed' } });
    const sent = target.commands.find(({ kind }) => kind === 'receive_images')!;
    expect((sent.payload as { images: unknown[] }).images).toHaveLength(1);
  }, 120_000);
});
