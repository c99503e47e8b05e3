import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiClient } from '../../../cli/api-client.ts';
import { until } from '../../../cli/local/fleet.ts';
import { sleep } from '../../../node/sleep.ts';
import { limits } from '../../../schema/limits.ts';
import { returnSpreadMs } from '../../../worker/saga/return-spread.ts';
import { machine, type Result } from '../result.ts';
import { note } from '../stage.ts';
import { type FleetRun, type Idle, measuresOf, type Restart, readSettings, told } from './figures.ts';
import { type LightHost, startLightHost } from './light-host.ts';
import { openManyAddresses } from './many-addresses.ts';
import { type Meter, newMeter, peakPerSecond } from './meter.ts';
import { startPlane } from './plane.ts';
import { type Fleet, runWave } from './wave.ts';

/** Hosts that join at once: each takes two requests and a connection. */
const joinsAtOnce = 8;
/** After the last host joined: all have reported, and what they reported is stored. */
const settleMs = 20_000;
const backMsMax = 300_000;

/** What a control plane does for fleets of these sizes: idle, while so many stacks move at once, and after a restart. */
export async function fleet(given: { hosts: string; stacks: string; idle: string }, rounds = 3): Promise<Result> {
  const { hosts, stacks, idleS } = readSettings(given, rounds);
  const runs: FleetRun[] = [];
  for (const size of hosts) {
    const began = performance.now();
    runs.push(await runOf(size, { stacks, idleS, rounds }));
    note(`${size} hosts took ${((performance.now() - began) / 60_000).toFixed(1)} min`);
    for (const line of told(runs.at(-1)!)) note(line);
  }
  const peaks = runs.flatMap(({ hosts: size, peaksMb }) => [
    [`front and relay, ${size} hosts`, peaksMb.front] as const,
    [`workerd, ${size} hosts`, peaksMb.workerd] as const,
  ]);
  return {
    ...{ name: 'fleet', machine: machine(), peers: [] },
    measures: measuresOf(runs),
    memory_mb: Object.fromEntries(peaks),
  };
}

async function runOf(
  size: number,
  { stacks, idleS, rounds }: { stacks: number; idleS: number; rounds: number },
): Promise<FleetRun> {
  const dir = await mkdtemp(join(tmpdir(), 'stackferry-fleet-'));
  const plane = await startPlane(dir);
  const addresses = await openManyAddresses(plane.listen);
  const { host, port } = plane.listen;
  const rig: Fleet = {
    ...{ plane, addresses, meter: newMeter(), hosts: [] },
    api: apiClient(`http://${host}:${port}`, plane.adminToken),
    stacks: Array.from({ length: stacks }, (_, number) => ({ name: `stack-${number}`, home: number % size })),
  };
  try {
    await joinAll(rig, size, dir);
    await letGrow(rig);
    await sleep(settleMs);
    const idle = await stayIdle(rig, idleS);
    const run: FleetRun = { hosts: size, idle, waves: [], restart: null, peaksMb: await plane.peaksMb() };
    for (let round = 0; round < rounds; round++) {
      run.waves.push(await runWave(rig));
      const { wallS, cpuS } = run.waves.at(-1)!;
      const took = `${wallS.toFixed(0)} s, ${cpuS.toFixed(1)} s of CPU, ${rig.meter.repeated} questions repeated so far`;
      note(`${size} hosts: ${stacks} stacks moved, ${round + 1} of ${rounds}: ${took}`);
    }
    run.peaksMb = await plane.peaksMb();
    run.restart = await restart(rig);
    return run;
  } finally {
    await Promise.all(rig.hosts.map((one) => one.close()));
    await addresses.close();
    await plane.close();
    await rm(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

/** Each host joins as any does; the stacks are spread over them in turn. */
async function joinAll({ api, addresses, meter, hosts, stacks }: Fleet, size: number, dir: string): Promise<void> {
  const began = performance.now();
  const names = Array.from({ length: size }, (_, number) => number);
  const joinNext = async (): Promise<void> => {
    for (let number = names.shift(); number !== undefined; number = names.shift()) {
      const { join_token } = await api.post<{ join_token: string }>('/hosts', { name: `host-${number}` });
      const host = await startLightHost({
        controlUrl: addresses.url,
        stateDir: join(dir, 'hosts', String(number)),
        joinToken: join_token,
        stacks: stacks.filter(({ home }) => home === number).map(({ name }) => name),
        meter,
      });
      hosts[number] = host;
      await host.connected;
    }
  };
  await Promise.all(Array.from({ length: joinsAtOnce }, joinNext));
  note(`${size} hosts joined in ${((performance.now() - began) / 1_000).toFixed(0)} s`);
  const listed = async () => (await api.get<{ items: unknown[] }>('/stacks?limit=200')).items.length === stacks.length;
  await until(listed, `${stacks.length} stacks to be listed`);
}

/**
 * A fleet that came to be within minutes knows itself as a smaller one: hosts learn its size at their next connection, or within
 * half an hour. So all are cut once before anything is measured.
 */
async function letGrow({ plane, meter, hosts }: Fleet): Promise<void> {
  if (returnSpreadMs(hosts.length) === returnSpreadMs(0)) return;
  const began = performance.now();
  await plane.restart();
  await allBack(hosts, meter, began);
  note(`${hosts.length} hosts know how many they are after ${((performance.now() - began) / 1_000).toFixed(0)} s`);
}

async function stayIdle({ plane, meter }: Fleet, seconds: number): Promise<Idle> {
  const look = async () => ({ cpuS: plane.cpuS(), writes: await plane.writes(), messages: meter.messages });
  const before = await look();
  await sleep(seconds * 1_000);
  const after = await look();
  return {
    seconds,
    cpuS: after.cpuS - before.cpuS,
    writes: after.writes - before.writes,
    messages: after.messages - before.messages,
  };
}

async function restart({ plane, addresses, meter, hosts }: Fleet): Promise<Restart> {
  // A host whose connection is young comes back at once: those of a deploy are old.
  const newest = Math.max(...hosts.map(({ id }) => meter.welcomedAt.get(id)!));
  await sleep(Math.max(0, newest + limits.control.standingMsMin - performance.now()));
  const began = performance.now();
  await plane.restart();
  const upS = (performance.now() - began) / 1_000;
  await allBack(hosts, meter, began);
  const welcomes = hosts.map(({ id }) => meter.welcomedAt.get(id)!);
  return {
    upS,
    backS: (Math.max(...welcomes) - began) / 1_000,
    connectsPeak: peakPerSecond(addresses.accepted.filter((at) => at > began)),
    welcomesPeak: peakPerSecond(welcomes),
  };
}

async function allBack(hosts: LightHost[], { welcomedAt }: Meter, since: number): Promise<void> {
  const isBack = ({ id, isConnected }: LightHost) => isConnected() && welcomedAt.get(id)! > since;
  await until(async () => hosts.every(isBack), 'all hosts to be back', backMsMax);
}
