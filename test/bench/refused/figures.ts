import { type Measure, measure } from '../result.ts';

/** What clients of one kind met. */
export interface Tally {
  sent: number;
  failed: number;
  /** How often by what the error said. */
  errors: Record<string, number>;
  longestS: number;
  /** Requests that were cut on a connection used before, and asked again. */
  repeated: number;
}

/** `fresh`: HTTP, a connection for each request; `kept`: HTTP, a connection for many. */
export type ByClient = Record<'fresh' | 'kept' | 'curl' | 'psql' | 'redis', Tally>;

export interface Run {
  clients: ByClient;
  downtimeS: number;
}

/** Over the downtime, for a connection that came first and is answered last. */
const waitBeyondSMax = 1;

/** What a scenario is to keep in each of its runs. */
export function measuresOf(scenario: string, runs: Run[]): Measure[] {
  const row = (of: string, unit: string, figure: (run: Run) => number, goal: number | null = null) =>
    measure(`${scenario}: ${of}`, unit, runs.map(figure), goal, 'worst');
  return [
    row('new connections', '', ({ clients }) => clients.fresh.sent),
    row('new connections that failed', '', ({ clients }) => clients.fresh.failed, 0),
    row('curl, psql and redis-cli, failed', '', ({ clients }) => programsFailed(clients), 0),
    row('requests of keep-alive clients, failed', '', ({ clients }) => clients.kept.failed, 0),
    row('requests of keep-alive clients, cut and asked again', '', ({ clients }) => clients.kept.repeated),
    row('longest wait', 's', ({ clients }) => longestWaitS(clients)),
    row('downtime', 's', ({ downtimeS }) => downtimeS),
    row('longest wait beyond the downtime', 's', beyondS, waitBeyondSMax),
  ];
}

/** The same scenario without forwarding: only to compare with. */
export function peerMeasuresOf(scenario: string, runs: Run[]): Measure[] {
  const of = (what: string) => `${scenario}, without --forward: ${what}`;
  return [
    measure(
      of('new connections that failed'),
      '',
      runs.map(({ clients }) => clients.fresh.failed),
    ),
    measure(
      of('curl, psql and redis-cli, failed'),
      '',
      runs.map(({ clients }) => programsFailed(clients)),
    ),
  ];
}

/** One run in a line, with what the failures said. */
export function told({ clients, downtimeS }: Run): string {
  const parts = Object.entries(clients).map(([kind, { sent, failed, errors }]) => {
    const said = Object.entries(errors).map(([error, count]) => `${count} × ${error}`);
    return `${kind} ${failed} of ${sent} failed${said.length > 0 ? ` (${said.join('; ')})` : ''}`;
  });
  return `${parts.join(', ')}; longest wait ${longestWaitS(clients).toFixed(2)} s, down ${downtimeS.toFixed(2)} s`;
}

const programsFailed = ({ curl, psql, redis }: ByClient) => curl.failed + psql.failed + redis.failed;
const longestWaitS = (clients: ByClient) => Math.max(...Object.values(clients).map(({ longestS }) => longestS));
/** Never below zero: a client may come after the stop. */
const beyondS = ({ clients, downtimeS }: Run) => Math.max(0, longestWaitS(clients) - downtimeS);
