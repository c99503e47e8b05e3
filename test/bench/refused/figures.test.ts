import { describe, expect, it } from 'vitest';
import { markdownTables } from '../result.ts';
import { type ByClient, measuresOf, peerMeasuresOf, type Run, type Tally, told } from './figures.ts';

const tally = (more: Partial<Tally> = {}): Tally => ({
  ...{ sent: 100, failed: 0, errors: {}, longestS: 1, repeated: 0 },
  ...more,
});
const run = (downtimeS: number, clients: Partial<ByClient> = {}): Run => ({
  clients: { fresh: tally(), kept: tally(), curl: tally(), psql: tally(), redis: tally(), ...clients },
  downtimeS,
});
const rows = (runs: Run[]) =>
  markdownTables([{ name: 'refused', machine: 'm', peers: [], measures: measuresOf('move', runs), memory_mb: {} }])
    .split('\n')
    .filter((line) => line.includes('move: '));
const rowOf = (runs: Run[], what: string) => rows(runs).find((line) => line.includes(`move: ${what} |`));

describe('figures of clients that are refused', () => {
  it('miss the goal by one connection that failed in one of many runs', () => {
    const runs = [run(2), run(2), run(2, { fresh: tally({ failed: 1 }) })];
    expect(rowOf(runs, 'new connections that failed')).toContain('| 0 | 0 to 1 | ≤ 0 in each | **missed** |');
    expect(rowOf(runs.slice(0, 2), 'new connections that failed')).toContain('| 0 | 0 to 0 | ≤ 0 in each | met |');
  });

  it('miss it by one program of any kind, and by one request of a client that connected again', () => {
    for (const kind of ['curl', 'psql', 'redis'] as const)
      expect(rowOf([run(2, { [kind]: tally({ failed: 1 }) })], 'curl, psql and redis-cli, failed')).toContain('missed');
    const cut = run(2, { kept: tally({ repeated: 3 }) });
    expect(rowOf([cut], 'requests of keep-alive clients, failed')).toContain('| met |');
    expect(rowOf([cut], 'requests of keep-alive clients, cut and asked again')).toContain('| 3 | 3 to 3 |  |  |');
    const failed = run(2, { kept: tally({ failed: 1 }) });
    expect(rowOf([failed], 'requests of keep-alive clients, failed')).toContain('missed');
  });

  it('hold the longest wait of any client against the downtime of the same run', () => {
    const beyond = (runs: Run[]) => rowOf(runs, 'longest wait beyond the downtime');
    const short = run(2, { redis: tally({ longestS: 3 }) });
    expect(beyond([short])).toContain('| 1.00 s | 1.00 to 1.00 | ≤ 1 in each | met |');
    expect(beyond([short, run(9), run(1, { psql: tally({ longestS: 2.5 }) })])).toContain('0.00 to 1.50');
    expect(beyond([run(9), run(9), run(1, { curl: tally({ longestS: 2.5 }) })])).toContain('**missed**');
  });

  it('of a peer have no goal', () => {
    const [fresh, programs] = peerMeasuresOf('move', [
      run(2, { fresh: tally({ failed: 9 }), curl: tally({ failed: 1 }), redis: tally({ failed: 2 }) }),
    ]);
    expect([fresh?.values, fresh?.goal, programs?.values, programs?.goal]).toEqual([[9], null, [3], null]);
  });

  it('name what the failures said', () => {
    const one = run(2, { curl: tally({ failed: 3, errors: { refused: 2, reset: 1 } }) });
    expect(told(one)).toContain('curl 3 of 100 failed (2 × refused; 1 × reset), psql 0 of 100 failed,');
  });
});
