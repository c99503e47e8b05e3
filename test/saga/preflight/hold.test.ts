import { expect, it } from 'vitest';
import { judge } from '../../../worker/saga/preflight/judge.ts';
import { detailOf, facts, failed, type Well } from './spoilt-facts.ts';

const holding = (mode: 'pre-copy' | 'stop-copy', spoil: (well: Well) => void = () => {}) =>
  judge(
    facts((well) => {
      Object.assign(well.rest.inputs, { mode, hold: true });
      spoil(well);
    }),
  );
const ways = (report: ReturnType<typeof judge>) =>
  report.checks.find(({ name }) => name === 'engine_compatible')?.lifted_by;

it('a pre-copy may hold', () => {
  expect(holding('pre-copy').passed).toBe(true);
});

it('a stop-copy can’t, and is told how it could', () => {
  const report = holding('stop-copy');
  expect(failed(report)).toEqual(['engine_compatible']);
  expect(ways(report)).toEqual([{ mode: 'pre-copy' }]);
});

it('nor can a host whose agent is of the previous release, or has no pre-copy', () => {
  const old = holding('pre-copy', ({ target }) => {
    target.engine.holds = false;
  });
  expect(detailOf(old, 'engine_compatible')).toMatch(/too old to hold: update it/);
  const without = holding('pre-copy', ({ source }) => {
    source.engine.pre_copy = null;
  });
  expect([failed(without), ways(without)]).toEqual([['engine_compatible'], []]);
});
