import { expect, it } from 'vitest';
import { requestKindNames, requestKinds } from '../../schema/agent-protocol.ts';
import { report } from '../../schema/preflight-report.ts';
import { newProgress, recordProgress, viewProgress } from '../../worker/saga/migration/progress.ts';
import { judge } from '../../worker/saga/preflight/judge.ts';
import { sagaPlanOf } from '../../worker/saga/preflight/plan.ts';
import type { PreflightFacts } from '../../worker/saga/preflight/preflight-facts.ts';
import { hostFacts, stackFacts, targetFacts, wellRest } from '../saga/preflight/well-facts.ts';
import { storyAt } from '../saga/story.ts';
import { mutants, worst } from '../support/hostile-values.ts';

/** What a host says of itself and of stacks: whatever it is, a report can be made of it and read by those it is for. */

const now = 1_800_000_000_000;
const answered = <T>(data: T) => ({ ok: true as const, data, asked_at: now, answered_at: now });

/** Of the kinds that a pre-flight asks; the others' answers are a word. */
const facts = {
  probe: hostFacts(),
  inspect_stack: stackFacts,
  check_target: targetFacts,
  check_logins: { logins: [{ reference: 'nginx:1', state: 'accepted' as const, detail: 'docker.io' }] },
};
type Asked = keyof typeof facts;

function judged(told: Partial<Record<Asked, unknown>>) {
  const all = { ...facts, ...told } as typeof facts;
  const asked: PreflightFacts = {
    ...wellRest(now, 'pre-copy'),
    source: answered(all.probe),
    target: answered(all.probe),
    stack: answered(all.inspect_stack),
    fit: answered(all.check_target),
    logins: answered(all.check_logins.logins),
  };
  asked.inputs.with_registry_auth = true;
  asked.inputs.cutover_dns = ['example.com/shop.example.com'];
  const hosts = { source: all.probe, target: all.probe };
  sagaPlanOf(all.inspect_stack, all.check_target, hosts, asked.inputs, asked.logins);
  return judge(asked);
}

it('the cases are of all questions whose answers are judged', () => {
  expect([...Object.keys(facts), 'command_status', 'limit_bandwidth', 'traffic', 'upgrade'].sort()).toEqual(
    [...requestKindNames].sort(),
  );
});

it.each(Object.keys(facts) as Asked[])('B32 whatever "%s" is answered with: refused, or judged and told', (kind) => {
  const lies = [...mutants(facts[kind]), ...worst(facts[kind])];
  const read = lies.flatMap(({ name, value }) => {
    const { success, data } = requestKinds[kind].answer.safeParse(JSON.parse(JSON.stringify(value) ?? 'null'));
    return success ? [{ name, data }] : [];
  });
  expect(read.length).toBeGreaterThan(10);
  expect(read.length).toBeLessThan(lies.length);
  for (const { name, data } of read) {
    const told = report.safeParse(JSON.parse(JSON.stringify(judged({ [kind]: data }))));
    expect(told.error, name).toBeUndefined();
  }
});

it('B32 progress of lanes without end, of numbers without end: bounded, and still numbers', () => {
  const memory = newProgress();
  const lane = (name: string) => ({ lane: name, bytes_done: Number.MAX_SAFE_INTEGER, bytes_total: null });
  for (let round = 0; round < 10; round++)
    recordProgress(
      memory,
      Array.from({ length: 1_000 }, (_, n) => lane(`${round}.${n}`)),
      now + round,
    );
  expect(memory.items.size).toBeLessThanOrEqual(1_000);
  const view = viewProgress(memory, storyAt('transferring').saga, now + 10);
  expect(JSON.parse(JSON.stringify(view))).toEqual(view);
});
