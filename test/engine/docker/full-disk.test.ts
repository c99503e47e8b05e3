import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { failureOf } from '../../../agent/commands/runner/failure.ts';
import { runInHelper } from '../../../agent/engine/docker/helper/helper.ts';
import { createSlots } from '../../../agent/engine/docker/helper/slots.ts';
import { createLog } from '../../../node/log.ts';
import { startEngine } from './engine-server.ts';

/** Runs a helper that ends with 2 and this complaint. */
async function complaining(complaint: string): Promise<unknown> {
  const ioDir = await mkdtemp(join(tmpdir(), 'stackferry-full-'));
  let io = '';
  const engine = await startEngine((path, answer, request) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', async () => {
      if (path === '/containers/create') {
        io = JSON.parse(Buffer.concat(parts).toString()).HostConfig.Mounts.at(-1).Source;
        return answer.writeHead(201).end('{"Id":"c1"}');
      }
      if (path.endsWith('/start')) await writeFile(join(io, 'stderr'), complaint);
      return path.endsWith('/wait') ? answer.end('{"StatusCode":2}') : answer.writeHead(204).end();
    });
  });
  onTestFinished(async () => {
    await engine.close();
    await rm(ioDir, { recursive: true });
  });
  const place = { api: engine.api, image: async () => 'h', ioDir, agentId: 'a', slots: createSlots(1) };
  return runInHelper(place, {
    migrationId: 'm',
    purpose: 'unpack',
    mount: { volume: 'shop_data' },
    readOnly: false,
    capabilities: [],
    script: 'true',
    failure: 'unpack_failed',
    signal: AbortSignal.timeout(10_000),
  }).catch((error: unknown) => error);
}

it.each([
  'tar: ./media/film: Wrote only 1024 of 262144 bytes\ntar: Exiting with failure status due to previous errors\n',
  'tar: ./a: Cannot write: No space left on device\n',
  'tar: ./a: Cannot write: Disk quota exceeded\n',
])('R29: a write that fails for want of space is reported with its host and place: %j', async (complaint) => {
  expect(await complaining(complaint)).toMatchObject({
    code: 'disk_full',
    message: `No space on ${hostname()}: volume shop_data.`,
  });
});

it('R29: so is one of the agent itself', () => {
  const error = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', path: '/mnt/volumes/shop_data/_data/f' });
  expect(failureOf(error, createLog(), null)).toMatchObject({
    error: { code: 'disk_full', message: `No space on ${hostname()}: /mnt/volumes/shop_data/_data/f.` },
  });
});
