import { expect, it, onTestFinished } from 'vitest';
import { assertMadeVolume } from '../../../../agent/engine/docker/stack/volumes.ts';
import { startEngine } from '../engine-server.ts';

async function engineWith(labels: object | null) {
  const engine = await startEngine((_path, answer) => {
    answer.statusCode = labels ? 200 : 404;
    answer.end(JSON.stringify({ Name: 'shop_data', Driver: 'local', Options: null, Mountpoint: '/m', Labels: labels }));
  });
  onTestFinished(engine.close);
  return engine;
}

it('takes a volume for its own that it made itself', async () => {
  const { api } = await engineWith({ 'dev.stackferry.migration': 'mig_1' });
  await assertMadeVolume(api, 'shop_data', 'mig_1');
});

it.each([
  ['another migration made', { 'dev.stackferry.migration': 'mig_2' }],
  ['a person made since by its name', {}],
  ['is gone', null],
])('leaves a volume alone that %s', async (_what, labels) => {
  const { api } = await engineWith(labels);
  await expect(assertMadeVolume(api, 'shop_data', 'mig_1')).rejects.toMatchObject({ code: 'resource_taken' });
});
