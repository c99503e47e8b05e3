import { describe, expect, it } from 'vitest';
import { commandKinds } from '../../schema/commands.ts';
import { limits } from '../../schema/limits.ts';
import { goodAnswers, newStory, plan } from './story.ts';

const image = {
  reference: 'one.example/web:1',
  image_id: 'sha256:1',
  repo_digests: ['one.example/web@sha256:d'],
  layers: ['1'],
  os: 'linux',
  arch: 'amd64',
  size_bytes: 1,
};

function begun(mode: 'stop-copy' | 'pre-copy' = 'stop-copy') {
  const story = newStory({ mode });
  const shipped = [{ ...image, reference: 'local:1', layers_present: 0 }];
  story.feed({ type: 'preflight_passed', plan: { ...plan, private_images: [image], shipped } });
  story.answer('prepare_source');
  story.answer('prepare_target');
  return story;
}
const awaited = ({ saga }: ReturnType<typeof begun>) => saga.awaiting.map(({ kind }) => kind);

describe('images that need the source’s registry logins', () => {
  it('are pulled before the stop, and before images are sent and volumes are copied', () => {
    const story = begun('pre-copy');
    expect([story.saga.status, awaited(story)]).toEqual(['preparing', ['send_logins', 'pull_images']]);
    const [send, pull] = story.sent.slice(-2);
    expect(send).toMatchObject({ host: 'host_a', payload: { peer: 'host_b', references: [image.reference] } });
    expect(pull).toMatchObject({ host: 'host_b', payload: { peer: 'host_a', images: [image] } });
    story.answer('send_logins');
    expect(awaited(story)).toEqual(['pull_images']);
    story.answer('pull_images');
    expect(awaited(story)).toEqual(['send_images', 'receive_images']);
    for (const kind of ['send_images', 'receive_images'] as const) story.answer(kind, goodAnswers[kind]);
    expect(awaited(story)).toEqual(['warm_source', 'warm_target']);
  });

  it('F29 whose login is refused end the migration before the stop', () => {
    const story = begun();
    story.refuse('pull_images');
    expect(story.saga.status).toBe('failed');
    expect(awaited(story)).toEqual(['cleanup_target']);
    expect(story.sent.map(({ kind }) => kind)).not.toContain('stop_stack');
  });

  it.each(['host_a', 'host_b'])('end it too where %s is lost meanwhile, or nothing comes of it', (host) => {
    const lost = begun();
    lost.feed({ type: 'agent_lost', host });
    expect(lost.saga.failure).toMatchObject({ code: 'agent_lost', step: 'preparing' });
    const late = begun();
    late.pass(limits.step.preparingMsMax + 1);
    expect(late.saga.failure).toMatchObject({ code: 'command_timeout', step: 'preparing' });
  });

  it.each(['send_logins', 'pull_images'] as const)(
    'B39 leave nothing in the record, whatever %s is answered with',
    (kind) => {
      expect(commandKinds[kind].result.parse({ logins: [{ password: 'hunter2' }] })).toEqual({});
    },
  );
});
