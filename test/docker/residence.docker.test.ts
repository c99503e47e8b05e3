import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type DockerApi, openDockerApi } from '../../agent/engine/docker/api.ts';
import { packCapabilities } from '../../agent/engine/docker/data/tar-arguments.ts';
import { createHelperPool } from '../../agent/engine/docker/helper/helper-pool.ts';
import { openResidentHelper } from '../../agent/engine/docker/helper/resident-helper.ts';
import { createSlots } from '../../agent/engine/docker/helper/slots.ts';
import { createWarmVolume } from '../../agent/engine/docker/precopy/pack-changes.ts';
import { createSectionReader, type Section } from '../../agent/precopy/delta-stream.ts';
import type { TarSource } from '../../agent/transfer/tar-ports.ts';
import { until } from '../../cli/local/fleet.ts';
import { wipeBoth } from './docker-rig.ts';
import { docker, socketOf } from './two-hosts.ts';
import { describeDocker } from './use-docker-rig.ts';

describeDocker('a helper that stays', () => {
  let api: DockerApi;
  let ioDir = '';
  beforeEach(async () => {
    await wipeBoth();
    ioDir = await mkdtemp(join(tmpdir(), 'stackferry-io-'));
    api = await openDockerApi(socketOf('a'));
    await docker('a', 'volume', 'create', 'kept');
  }, 60_000);
  afterEach(async () => {
    await api.close();
    await rm(ioDir, { recursive: true });
    await wipeBoth();
  }, 60_000);

  const seat = { migrationId: 'mig_1', purpose: 'resident', mount: { volume: 'kept' }, readOnly: true } as const;
  const place = () => ({ api, image: async () => 'sf-tools:1', ioDir, agentId: ioDir, slots: createSlots(2) });
  const open = (idleMsMax: number, isHeld = () => false) =>
    openResidentHelper(place(), { ...seat, capabilities: packCapabilities, idleMsMax, isHeld });
  const containersOfA = async () => (await docker('a', 'ps', '-aq')).trim();

  it('does several jobs at once, each with its own end, and ends on request', async () => {
    const residence = await open(60_000);
    const run = (script: string) => residence.place.resident!.run(script, AbortSignal.timeout(20_000));
    expect(await Promise.all([run('sleep 0.3; exit 3'), run('exit 0'), run('test -d /v && exit 5')])).toEqual([
      3, 0, 5,
    ]);
    expect(residence.isOpen()).toBe(true);
    await residence.close();
    expect([residence.isOpen(), await containersOfA()]).toEqual([false, '']);
    await expect(run('exit 0')).rejects.toMatchObject({ code: 'cancelled' });
  }, 60_000);

  it('goes by itself when nothing is asked of it any more, and not while a job runs', async () => {
    const residence = await open(500);
    const job = residence.place.resident!.run('sleep 2; exit 7', AbortSignal.timeout(20_000));
    expect(await job).toBe(7);
    await until(async () => !residence.isOpen() && (await containersOfA()) === '', 'the helper to be gone');
  }, 60_000);

  it('P6: stays without a job for as long as its migration carries anything, and goes after that', async () => {
    let isHeld = true;
    let looked = 0;
    const residence = await open(50, () => {
      looked += 1;
      return isHeld;
    });
    await until(async () => looked > 5, 'its bound to pass several times');
    expect(residence.isOpen()).toBe(true);
    isHeld = false;
    await until(async () => !residence.isOpen() && (await containersOfA()) === '', 'the helper to be gone');
  }, 60_000);

  it('P6: what a pass listed outlives the helper, and where it is lost after all the copy is a whole one', async () => {
    const helperPool = createHelperPool(place());
    const mount = { volume: 'kept' };
    const directory = join(ioDir, 'passes');
    const volume = createWarmVolume({
      mount,
      migrationId: 'mig_1',
      mountpoint: null,
      residence: () => helperPool.open(mount, 'mig_1', 'source'),
      directory,
    });
    const sections = async (source: TarSource): Promise<Section[]> => {
      const { stream, finished } = await source.open(AbortSignal.timeout(30_000));
      const bytes = await buffer(stream);
      await finished;
      return [...createSectionReader()(bytes)];
    };
    const begun = (whole: boolean) => ({ kind: 'begin', whole });
    expect((await sections(volume.passes))[0]).toEqual(begun(true));
    expect((await sections(volume.more))[0], 'nobody said that it arrived').toEqual(begun(true));
    volume.arrived();
    expect((await sections(volume.more))[0]).toEqual(begun(false));
    expect((await sections(volume.more))[0], 'of which the target may hold a part').toEqual(begun(true));
    volume.arrived();
    await helperPool.release('mig_1');
    expect((await sections(volume.rest))[0]).toEqual(begun(false));
    await rm(directory, { recursive: true });
    expect((await sections(volume.rest))[0]).toEqual(begun(true));
    await volume.forget();
    await helperPool.release('mig_1');
  }, 60_000);
});
