import { type Measure, measure } from '../result.ts';

/** Sums of one stretch of time in which the fleet was idle, or of one in which it moved stacks. */
interface Spent {
  /** CPU seconds of the control plane. */
  cpuS: number;
  /** Transactions that changed its database. */
  writes: number;
  /** Messages of hosts that reached its code. */
  messages: number;
}
export interface Idle extends Spent {
  seconds: number;
}
export interface Wave extends Spent {
  stacks: number;
  /** Migrations that did not complete. */
  failed: number;
  wallS: number;
  /** From the common start to its end, of each migration. */
  eachS: number[];
  /** By which the database grew. */
  databaseBytes: number;
}
export interface Restart {
  /** From SIGTERM until it serves again. */
  upS: number;
  /** From SIGTERM to the last host's welcome. */
  backS: number;
  /** Most connections that it accepted, and most hosts that it welcomed, within one second. */
  connectsPeak: number;
  welcomesPeak: number;
}
export interface FleetRun {
  hosts: number;
  idle: Idle;
  waves: Wave[];
  restart: Restart | null;
  peaksMb: { front: number; workerd: number };
}

/** Growth of cost with the fleet; messages of an idle host in ten seconds; its writes; seconds; connects in one second. */
const goals = { growth: 1.3, messages: 1, writes: 0, backS: 60, connects: 100 };

/** A fleet must be larger than the rounds: no stack comes back to a host that keeps its copy. */
export function readSettings(given: { hosts: string; stacks: string; idle: string }, rounds: number) {
  const hosts = given.hosts.split(',').map(Number);
  const [stacks, idleS] = [Number(given.stacks), Number(given.idle)];
  if (!hosts.every((size) => Number.isInteger(size) && size > rounds + 1))
    throw new Error(`--hosts ${given.hosts}: numbers of at least ${rounds + 2} hosts, smallest first, like 10,100`);
  if (!(Number.isInteger(stacks) && stacks >= 1 && stacks <= stacksMax))
    throw new Error(`--stacks ${given.stacks}: 1 to ${stacksMax}`);
  if (!(idleS >= 10)) throw new Error(`--idle ${given.idle}: at least 10 seconds, the interval of reports`);
  return { hosts, stacks, idleS };
}
/** One page of the list of stacks. */
const stacksMax = 200;

/** What the wave's migrations cost beyond what the idle fleet costs in the same time. */
export function perMigration({ idle }: FleetRun, wave: Wave, what: keyof Spent): number {
  return (wave[what] - (idle[what] / idle.seconds) * wave.wallS) / wave.stacks;
}
const perHostAndTenS = ({ hosts, idle }: FleetRun, what: keyof Spent) => (idle[what] / hosts / idle.seconds) * 10;

const median = (values: number[]): number => measure('', '', values).value.median;
const cpuOf = (run: FleetRun) => run.waves.map((wave) => perMigration(run, wave, 'cpuS'));
const timeOf = (run: FleetRun) => run.waves.map(({ eachS }) => median(eachS));

/** In the order of sizes; costs are held against those of the first. */
export function measuresOf(runs: FleetRun[]): Measure[] {
  return runs.flatMap((run, index) => {
    const first = runs[0]!;
    const against = (of: string, figures: (run: FleetRun) => number[]) => {
      const base = median(figures(first));
      const ratios = figures(run).map((figure) => figure / base);
      return measure(`${run.hosts} hosts: ${of} ÷ of ${first.hosts} hosts`, '×', ratios, goals.growth);
    };
    const row = (of: string, unit: string, values: number[], goal: number | null = null) =>
      measure(`${run.hosts} hosts: ${of}`, unit, values, goal, 'worst');
    return [
      row(
        'CPU of the control plane per migration',
        'ms',
        cpuOf(run).map((seconds) => seconds * 1_000),
      ),
      row('time of a migration', 's', timeOf(run)),
      ...(index === 0 ? [] : [against('CPU per migration', cpuOf), against('time of a migration', timeOf)]),
      row(
        'migrations that failed',
        '',
        run.waves.map(({ failed }) => failed),
        0,
      ),
      row(
        'messages per migration',
        '',
        run.waves.map((wave) => Math.round(perMigration(run, wave, 'messages'))),
      ),
      row(
        'write transactions per migration',
        '',
        run.waves.map((wave) => Math.round(perMigration(run, wave, 'writes'))),
      ),
      row(
        'database per migration',
        'KB',
        run.waves.map((wave) => wave.databaseBytes / wave.stacks / 1_000),
      ),
      ...idleRows(run, row),
      ...restartRows(run, row),
    ];
  });
}

type Row = (of: string, unit: string, values: number[], goal?: number | null) => Measure;

const idleRows = (run: FleetRun, row: Row): Measure[] => [
  row('idle, messages per host in 10 s', 'messages', [perHostAndTenS(run, 'messages')], goals.messages),
  row('idle, write transactions', '', [run.idle.writes], goals.writes),
  row('idle, CPU of the control plane', '% of a core', [(100 * run.idle.cpuS) / run.idle.seconds]),
];

const restartRows = ({ restart }: FleetRun, row: Row): Measure[] =>
  restart
    ? [
        row('restart, until it serves', 's', [restart.upS]),
        row('restart, until all are back', 's', [restart.backS], goals.backS),
        row('restart, connects in one second', '', [restart.connectsPeak], goals.connects),
        row('restart, welcomes in one second', '', [restart.welcomesPeak]),
      ]
    : [];

/** A run in a few lines. */
export const told = (run: FleetRun): string[] =>
  measuresOf([run]).map(({ of, unit, value }) => `  ${of}: ${Number(value.median.toFixed(3))} ${unit}`.trimEnd());
