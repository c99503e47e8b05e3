import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../../cli/local/free-port.ts';
import { startCaptureProxy } from '../support/capture-proxy.ts';
import { filesBelow } from '../support/files-below.ts';
import { type DockerRig, startDockerRig, wipeBoth } from './docker-rig.ts';
import { psql, secret, shop } from './stacks.ts';
import { docker, gatewayAddress } from './two-hosts.ts';
import { describeDocker } from './use-docker-rig.ts';

const canary = 'volume-canary-9b2f6a71c4';

describeDocker('two real Docker hosts', () => {
  let rig: DockerRig;
  let proxy: { close(): Promise<void> };
  let capture: string;

  beforeAll(async () => {
    await wipeBoth();
    const seenPort = await freePort(gatewayAddress);
    rig = await startDockerRig({ relayAdvertise: `${gatewayAddress}:${seenPort}` });
    capture = join(rig.dir, 'capture.bin');
    const [host = '', port = ''] = rig.relayAddress.split(':');
    proxy = await startCaptureProxy({ host: gatewayAddress, port: seenPort }, { host, port: Number(port) }, capture);
  }, 180_000);

  afterAll(async () => {
    await proxy?.close();
    await rig?.close();
    await wipeBoth();
  }, 120_000);

  it('B39 what passes the relay, what is stored, logged and told holds neither the volume’s bytes nor the .env secret', async () => {
    await rig.up('shop', shop);
    await psql('a', 'shop-db-1', `create table c as select '${canary}' as v`);
    await psql('a', 'shop-db-1', 'checkpoint');
    // It is there to be found, so that finding it nowhere else means something.
    await docker('a', 'exec', 'shop-db-1', 'grep', '-rq', canary, '/var/lib/postgresql/data');
    const { id } = await rig.migrate('shop', rig.hosts.b);
    const told: unknown[] = [];
    told.push(await rig.ended(id, (event) => told.push(event)));
    expect(await psql('b', 'shop-db-1', 'select v from c')).toBe(canary);
    const passed = await readFile(capture);
    // A new database, most of it empty pages, goes compressed.
    expect(passed.length).toBeGreaterThan(2_000_000);

    const places = {
      'the relay’s bytes': passed,
      'events and answers': Buffer.from(JSON.stringify(told)),
      ...(await filesBelow(join(rig.dir, 'control'))),
      ...(await filesBelow(join(rig.dir, 'host-a'))),
      ...(await filesBelow(join(rig.dir, 'host-b'))),
      ...(await filesBelow(join(rig.dir, 'relay-relay'))),
    };
    expect(Object.keys(places).filter((place) => place.endsWith('.log')).length).toBeGreaterThanOrEqual(3);
    expect(Object.keys(places).filter((place) => place.endsWith('.sqlite')).length).toBeGreaterThanOrEqual(2);
    const leaks = Object.entries(places).filter(([, bytes]) => bytes.includes(secret) || bytes.includes(canary));
    expect(leaks.map(([place]) => place)).toEqual([]);
  }, 240_000);
});
