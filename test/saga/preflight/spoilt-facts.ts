import type { CheckName } from '../../../schema/preflight-report.ts';
import type { ImageLogin } from '../../../schema/registry-logins.ts';
import type { judge } from '../../../worker/saga/preflight/judge.ts';
import type { PreflightFacts } from '../../../worker/saga/preflight/preflight-facts.ts';
import { hostFacts, stackFacts, targetFacts, wellRest } from './well-facts.ts';

export const now = 1_800_000_000_000;
export const gib = 2 ** 30;
export const answered = <T>(data: T) => ({ ok: true as const, data, asked_at: now, answered_at: now });
export const silent = { ok: false as const, why: 'the host is not connected', offline: true };

/** Facts of a pre-flight in which everything is well; each test spoils one thing. */
export function facts(spoil: (well: Well) => void = () => {}): PreflightFacts {
  const reachable = [{ id: 'relay_1', reachable: true, detail: '', rtt_ms: null }];
  const well: Well = {
    source: { ...hostFacts(), now_ms: now, relays: structuredClone(reachable) },
    target: { ...hostFacts(), now_ms: now, relays: structuredClone(reachable) },
    stack: structuredClone(stackFacts),
    fit: structuredClone(targetFacts),
    logins: null,
    rest: wellRest(now, 'stop-copy'),
  };
  spoil(well);
  const { source, target, stack, fit, logins, rest } = well;
  return {
    ...rest,
    source: answered(source),
    target: answered(target),
    stack: answered(stack),
    fit: answered(fit),
    logins: logins && answered(logins),
  };
}

export interface Well {
  source: ReturnType<typeof hostFacts>;
  target: ReturnType<typeof hostFacts>;
  stack: typeof stackFacts;
  fit: typeof targetFacts;
  /** What the source says of its registry logins; null if it is not asked. */
  logins: ImageLogin[] | null;
  rest: Omit<PreflightFacts, 'source' | 'target' | 'stack' | 'fit' | 'logins'>;
}

export const failed = (report: ReturnType<typeof judge>) =>
  report.checks.filter(({ status }) => status === 'fail').map(({ name }) => name);
export const detailOf = (report: ReturnType<typeof judge>, name: CheckName) =>
  report.checks.find((check) => check.name === name)?.detail ?? '';
