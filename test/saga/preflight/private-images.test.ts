import { describe, expect, it } from 'vitest';
import type { ImageLogin } from '../../../schema/registry-logins.ts';
import type { TargetFacts } from '../../../schema/target-facts.ts';
import { type AskHost, askAndJudge } from '../../../worker/saga/preflight/ask-and-judge.ts';
import { judge } from '../../../worker/saga/preflight/judge.ts';
import { sagaPlanOf } from '../../../worker/saga/preflight/plan.ts';
import { answered, detailOf, facts, failed, silent, type Well } from './spoilt-facts.ts';
import { wellRest } from './well-facts.ts';

const reference = 'one.example/web:1';
type Located = TargetFacts['images'][number];

interface Setting {
  found?: Partial<Located>;
  login?: Partial<ImageLogin> | null;
  option?: boolean;
  /** The source can send it. */
  sendable?: boolean;
}

const spoilt =
  ({ found = {}, login = {}, option = false, sendable = false }: Setting) =>
  (w: Well) => {
    for (const service of w.stack.services)
      service.image = { ...service.image, reference, layers: ['1'], repo_digests: ['one.example/web@sha256:d'] };
    w.fit.images = [{ reference, state: 'unauthorized', detail: '', layers_present: 0, loadable: sendable, ...found }];
    w.logins = login && [{ reference, state: 'accepted', detail: 'one.example', ...login }];
    w.rest.inputs.with_registry_auth = option;
  };

function outcome(setting: Setting) {
  const found = facts(spoilt(setting));
  const report = judge(found);
  const check = report.checks.find(({ name }) => name === 'image_available')!;
  const { stack, fit, source, target, inputs, logins } = found;
  if (!stack.ok || !fit.ok || !source.ok || !target.ok) throw new Error('all answer');
  const plan = sagaPlanOf(stack.data, fit.data, { source: source.data, target: target.data }, inputs, logins);
  const names = (images: { reference: string }[]) => images.map((image) => image.reference);
  return {
    ...check,
    private_images: names(plan.private_images),
    shipped: names(plan.shipped),
    images: names(plan.images),
    items: report.plan?.items.filter(({ kind }) => kind === 'image') ?? [],
  };
}

describe('an image that the target can’t pull without a login', () => {
  it('is offered to be pulled with the source’s, where that has one', () => {
    expect(outcome({})).toMatchObject({
      status: 'fail',
      lifted_by: [{ with_registry_auth: true }],
      detail: expect.stringContaining('"with_registry_auth": true has the target pull'),
      private_images: [],
    });
    for (const login of [
      { state: 'none' },
      { state: 'refused' },
      { state: 'unneeded' },
      { state: 'unreadable' },
    ] as const)
      expect(outcome({ login })).toMatchObject({ status: 'fail', lifted_by: [] });
    expect(outcome({ login: null })).toMatchObject({ status: 'fail', lifted_by: [] });
  });

  it('is pulled with it if that is chosen, and in no other way', () => {
    const chosen = { status: 'pass', private_images: [reference], shipped: [], images: [], items: [] };
    const detail = expect.stringContaining(`${reference} will be pulled with the source’s login`);
    for (const sendable of [true, false])
      expect(outcome({ option: true, sendable })).toMatchObject({ ...chosen, detail });
    for (const state of ['not_found', 'rate_limited'] as const)
      expect(outcome({ option: true, found: { state } })).toMatchObject(chosen);
  });

  it('is sent by the source as before, unless it is chosen to be pulled', () => {
    expect(outcome({ sendable: true })).toMatchObject({ status: 'pass', private_images: [], shipped: [reference] });
  });

  it.each([
    ['refused', { state: 'refused', detail: 'wrong password' }, /refuses the source’s login \(wrong password\)/],
    [
      'absent',
      { state: 'none', detail: 'one.example' },
      /The source has no login for .* \(one\.example\): log in there/,
    ],
    ['not needed', { state: 'unneeded', detail: 'one.example' }, /from one\.example without a login, so none is sent/],
    ['unreadable', { state: 'unreadable', detail: 'helper x failed' }, /can’t be read: helper x failed/],
  ] as const)('is named where the source’s login is %s, and sent if it can be', (_, login, words) => {
    const refused = outcome({ option: true, login });
    expect(refused).toMatchObject({ status: 'fail', lifted_by: [], private_images: [] });
    expect(refused.detail).toMatch(words);
    const sent = outcome({ option: true, login, sendable: true });
    expect(sent).toMatchObject({ status: 'note', shipped: [reference], private_images: [] });
    expect(sent.detail).toMatch(words);
  });

  it('is tried where the source can’t reach the registry and can’t send it either', () => {
    const login = { state: 'unverified' } as const;
    expect(outcome({ option: true, login })).toMatchObject({ status: 'pass', private_images: [reference] });
    expect(outcome({ option: true, login, sendable: true })).toMatchObject({
      private_images: [],
      shipped: [reference],
    });
  });

  it('R28 is never one whose tag means another image on the target', () => {
    const found = { state: 'differs' } as const;
    expect(outcome({ option: true, found })).toMatchObject({ status: 'fail', lifted_by: [], private_images: [] });
  });

  it('C7 names the agent to be updated, of the target and of the source', () => {
    const old = (spoil: (w: Well) => void) =>
      facts((w) => {
        spoilt({ option: true })(w);
        spoil(w);
      });
    const target = judge(
      old((w) => {
        w.fit.registry_logins = false;
      }),
    );
    expect(failed(target)).toEqual(['image_available']);
    expect(detailOf(target, 'image_available')).toContain('The target’s agent can’t pull');
    const source = judge({ ...old(() => {}), logins: { ...silent, why: 'This agent does not know this command' } });
    expect(detailOf(source, 'image_available')).toContain('could not be read: This agent does not know');
  });
});

describe('the source is asked for its logins', () => {
  const asked = async (setting: Setting) => {
    const { source, stack, fit } = facts(spoilt(setting));
    const questions: unknown[] = [];
    const answers: Record<string, unknown> = { probe: source, inspect_stack: stack, check_target: fit };
    const ask = (async (host: string, kind: string, payload: unknown) => {
      if (kind !== 'check_logins') return answers[kind];
      questions.push([host, payload]);
      return answered({ logins: [{ reference, state: 'accepted', detail: '' }] });
    }) as AskHost;
    const rest = wellRest(Date.now(), 'stop-copy');
    rest.inputs.with_registry_auth = setting.option ?? false;
    const { plan, report } = await askAndJudge(ask, 'shop', null, rest);
    return { questions, plan, check: report.checks.find(({ name }) => name === 'image_available') };
  };
  const question = ['host_a', { project: 'shop', references: [reference] }];

  it('only for what the target can get in no other way, unless they are to be used', async () => {
    expect((await asked({})).questions).toEqual([question]);
    expect((await asked({ option: true, sendable: true })).questions).toEqual([question]);
    expect((await asked({ sendable: true })).questions).toEqual([]);
    for (const state of ['present', 'pullable', 'differs', 'unreachable'] as const)
      expect((await asked({ option: true, found: { state } })).questions, state).toEqual([]);
  });

  it('and the plan of the migration follows from the answer', async () => {
    expect((await asked({})).check).toMatchObject({ status: 'fail', lifted_by: [{ with_registry_auth: true }] });
    expect((await asked({ option: true })).plan?.private_images).toMatchObject([{ reference }]);
  });
});
