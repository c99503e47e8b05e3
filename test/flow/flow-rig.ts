import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runsNow } from '../../agent/engine/embedded/containers.ts';
import { openHostRoot } from '../../agent/engine/embedded/host-root.ts';
import { stackFileName } from '../../agent/engine/embedded/stack-file.ts';
import { killHost, makeStackVolumes, upStack } from '../../agent/engine/embedded/stack-lifecycle.ts';
import { manifestOfTree } from '../../agent/engine/embedded/tree-manifest.ts';
import { dataOf } from '../../agent/engine/embedded/volume-store.ts';
import { type Member, startMember, until } from '../../cli/local/fleet.ts';
import { freePort } from '../../cli/local/free-port.ts';
import { type ControlPlane, startControlPlane } from '../../cli/local/start.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { type FleetRig, type Limits, type Parts, preloading, programOf, startFleetRig } from '../support/fleet-rig.ts';
import { type SlowWire, startSlowWire } from '../support/slow-wire.ts';

export type Side = 'source' | 'target';

/** Two embedded hosts, relays behind slow wires, a stack `app` on the source: every part a process of its own. */
export interface FlowRig {
  fleet: FleetRig;
  hosts: Record<Side, Member>;
  relays: { member: Member; wire: SlowWire }[];
  start(): Promise<string>;
  show(id: string): Promise<MigrationView>;
  /** Waits until so many bytes of the stack have left the source, counted from now on. */
  sent(bytes: number): Promise<void>;
  /** The relay that carried the most. */
  carrier(): FlowRig['relays'][number];
  bytesOnWires(): number;
  runs(side: Side): Promise<boolean>;
  /** Digest of the stack's volumes as they are on that host. */
  digest(side: Side): Promise<string[]>;
  log(side: Side): Promise<string>;
  stateDir(side: Side): string;
  /** The control plane goes away and comes back, on its port and with its state, or with that of another data directory. */
  stopControl(): Promise<void>;
  startControl(dataDir?: string): Promise<ControlPlane>;
  close(): Promise<void>;
}

export const mib = 1_048_576;
const volumes = { data: 40 * mib, more: 2 * mib };
export const stackBytes = volumes.data + volumes.more;

export interface FlowOptions {
  relays?: number;
  /** Limits that the agents have in place of the usual ones, by section. */
  limits?: Limits;
  parts?: Parts;
  /** So that the stack takes some five seconds on its way, if not given. */
  wireBytesPerS?: number;
}

export async function startFlowRig(options: FlowOptions = {}): Promise<FlowRig> {
  const { parts = {}, wireBytesPerS = 8 * mib } = options;
  const wires = [];
  for (let index = 0; index < (options.relays ?? 1); index += 1) wires.push(await startSlowWire(wireBytesPerS));
  const fleet = await startFleetRig({ relayAdvertise: wires[0]!.address, parts });
  wires[0]!.target = addressOf(fleet.relayAddress);
  const relays = [{ member: fleet.relay, wire: wires[0]! }];
  for (const [index, wire] of wires.entries()) if (index > 0) relays.push(await addRelay(fleet, index, wire));

  const rootOf = (side: Side) => join(fleet.dir, `root-${side}`);
  const stateDir = (side: Side) => join(fleet.dir, side);
  const add = (side: Side) =>
    startMember({
      api: fleet.api,
      controlUrl: fleet.control.url,
      kind: 'host',
      name: side,
      stateDir: stateDir(side),
      get program() {
        return programOf(parts[side]);
      },
      /** Through the relay's wire alone; the release before knows no other way. */
      get arguments() {
        const ways = parts[side] ? [] : ['--no-listen'];
        return ['--engine', 'embedded', '--embedded-root', rootOf(side), ...ways];
      },
      ...(options.limits ? { env: preloading(options.limits) } : {}),
    });
  const hosts = { source: await add('source'), target: await add('target') };
  await seed(rootOf('source'));
  await fleet.stackAt('app', hosts.source);

  const runs = async (side: Side) => {
    const host = await openHostRoot(rootOf(side));
    const running = await Promise.all((await host.containers.all()).map((record) => runsNow(host, record)));
    return running.includes(true);
  };
  const bytesOnWires = () => relays.reduce((sum, { wire }) => sum + wire.bytes(), 0);
  let { control } = fleet;
  let controlIsUp = true;

  return {
    fleet,
    hosts,
    relays,
    start: async () => (await fleet.migrate('app', hosts.target)).id,
    show: (id) => fleet.api.get<MigrationView>(`/migrations/${id}`),
    sent: (bytes) => {
      const before = bytesOnWires();
      return until(async () => bytesOnWires() - before >= bytes, `${bytes} bytes to leave the source`);
    },
    carrier: () => relays.toSorted((a, b) => b.wire.bytes() - a.wire.bytes())[0]!,
    bytesOnWires,
    runs,
    digest: async (side) => {
      const host = await openHostRoot(rootOf(side));
      const manifests = Object.keys(volumes).map((name) => manifestOfTree(dataOf(host, `app_${name}`)));
      return (await Promise.all(manifests)).map(({ sha256 }) => sha256);
    },
    log: (side) => readFile(hosts[side].logPath, 'utf8'),
    stateDir,
    stopControl: async () => {
      controlIsUp = false;
      await control.close();
    },
    startControl: async (dataDir = fleet.dir) => {
      const { hostname, port } = new URL(fleet.control.url);
      control = await startControlPlane({
        dataDir: join(dataDir, 'control'),
        host: hostname,
        port: Number(port),
        ...(parts.control ? { files: parts.control } : {}),
      });
      controlIsUp = true;
      return control;
    },
    close: async () => {
      await Promise.all(
        [...Object.values(hosts), ...relays.map(({ member }) => member)].map((member) => member.stop()),
      );
      if (controlIsUp) await control.close();
      for (const side of ['source', 'target'] as const) await killHost(rootOf(side));
      await fleet.close().catch(() => {});
      for (const { wire } of relays) await wire.close();
    },
  };
}

async function addRelay(fleet: FleetRig, index: number, wire: SlowWire): Promise<FlowRig['relays'][number]> {
  const port = await freePort('127.0.0.1');
  const name = `relay-${index}`;
  wire.target = { host: '127.0.0.1', port };
  const member = await startMember({
    api: fleet.api,
    controlUrl: fleet.control.url,
    kind: 'relay',
    name,
    stateDir: join(fleet.dir, name),
    arguments: [
      ...['--listen', `127.0.0.1:${port}`, '--advertise', wire.address],
      ...['--status-port', String(await freePort('127.0.0.1'))],
    ],
  });
  return { member, wire };
}

/** Two volumes of noise, and a service without a healthcheck, so that verifying takes its settle time. */
async function seed(root: string): Promise<void> {
  const host = await openHostRoot(root);
  const directory = join(host.stacks, 'app');
  await mkdir(directory, { recursive: true });
  const only = { command: ['sleep', '3600'], restart: 'always', volumes: ['data:/data', 'more:/more'] };
  const file = { services: { only }, volumes: Object.fromEntries(Object.keys(volumes).map((name) => [name, {}])) };
  await writeFile(join(directory, stackFileName), JSON.stringify(file));
  await makeStackVolumes(host, 'app');
  for (const [name, bytes] of Object.entries(volumes))
    for (let index = 0; index * mib < bytes; index += 1)
      await writeFile(join(dataOf(host, `app_${name}`), `${index}.bin`), randomBytes(mib));
  await upStack(root, 'app');
}

function addressOf(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}
