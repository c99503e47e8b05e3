import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killHost } from '../../agent/engine/embedded/stack-lifecycle.ts';
import { type ApiClient, ApiProblem, apiClient, type ServerEvent } from '../../cli/api-client.ts';
import type { ControlFiles } from '../../cli/build/control-sources.ts';
import { type Member, startMember, until } from '../../cli/local/fleet.ts';
import { freePort } from '../../cli/local/free-port.ts';
import { removeFleet } from '../../cli/local/remove-fleet.ts';
import { type ControlPlane, startControlPlane } from '../../cli/local/start.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import type { Report } from '../../schema/preflight-report.ts';
import { prebuilt } from './prebuilt.ts';

/** Control plane, relay and agents of one test file: real workerd, real processes, one temporary directory. */
export interface FleetRig {
  dir: string;
  api: ApiClient;
  control: ControlPlane;
  relay: Member;
  /** `host:port` it listens on. */
  relayAddress: string;
  /** Of its counters. */
  relayStatusUrl: string;
  addHost(name: string, args: string[], netns?: string, env?: Record<string, string>): Promise<Member>;
  /** Waits until the stack is listed with this host as its home. */
  stackAt(name: string, host: Member): Promise<void>;
  migrate(stack: string, target: Member, options?: Record<string, unknown>): Promise<MigrationView>;
  /** Starts a migration that its pre-flight refuses, and gives the report. */
  refused(stack: string, target: Member, options?: Record<string, unknown>): Promise<Report>;
  /** Follows a migration to its end, and until nothing is owed any more. */
  ended(id: string, onEvent?: (event: ServerEvent) => void): Promise<MigrationView>;
  close(): Promise<void>;
}

export interface FleetOptions {
  /** Where agents reach control plane and relay: another network namespace's gateway, or loopback. */
  address?: string;
  /** `host:port` at which agents are told to reach the relay, where that is a proxy of the test's. */
  relayAdvertise?: string;
  /** Settings of the control plane. */
  vars?: Record<string, string>;
  /** Limits that the agents have in place of the usual ones. */
  limits?: Limits;
  /** Targets open a port for their sources, as agents do by themselves; otherwise everything takes the relay. */
  direct?: boolean;
  parts?: Parts;
}

/** What runs in place of the sources; each part's next start looks here. */
export interface Parts {
  control?: ControlFiles;
  /** Files that Node runs. */
  relay?: string;
  source?: string;
  target?: string;
}
export const programOf = (file: string | undefined) => (file === undefined ? undefined : [file]);

/** By section of schema/limits.ts. */
export type Limits = Record<string, Record<string, number>>;

export const preloading = (limits: Limits) => ({
  NODE_OPTIONS: `--import=${import.meta.resolve('./preloaded-limits.ts')}`,
  TEST_LIMITS: JSON.stringify(limits),
});

export async function startFleetRig({
  address = '127.0.0.1',
  relayAdvertise,
  vars,
  limits,
  parts = {},
  direct = false,
}: FleetOptions = {}): Promise<FleetRig> {
  const dir = await mkdtemp(join(tmpdir(), 'stackferry-'));
  const built = await prebuilt();
  const files = parts.control ?? built.control;
  const control = await startControlPlane({
    dataDir: join(dir, 'control'),
    host: address,
    port: 0,
    ...(vars ? { vars } : {}),
    ...(files ? { files } : {}),
  });
  if (!control.adminToken) throw new Error('a new control plane gives its first token');
  const api = apiClient(control.url, control.adminToken);
  const members: Member[] = [];
  const embeddedRoots: string[] = [];
  const close = async () => {
    await Promise.all(members.map((member) => member.stop()));
    // Its stacks outlive an agent, and cannot be found any more without these files.
    for (const root of embeddedRoots) await killHost(root);
    await control.close();
    if (!process.env.STACKFERRY_KEEP) await removeFleet(dir);
  };
  const add = async (
    kind: 'host' | 'relay',
    name: string,
    args: string[],
    netns?: string,
    env?: Record<string, string>,
  ) => {
    const member = await startMember({
      api,
      controlUrl: control.url,
      kind,
      name,
      stateDir: join(dir, `${kind}-${name}`),
      get program() {
        // Other limits are loaded in place of a module of the sources.
        const own = limits ? {} : built;
        return programOf(kind === 'relay' ? (parts.relay ?? own.relay) : own.agent);
      },
      arguments: args,
      env: { ...(limits ? preloading(limits) : {}), ...env },
      ...(netns ? { netns } : {}),
    });
    members.push(member);
    return member;
  };
  try {
    const relayAddress = `${address}:${await freePort(address)}`;
    const statusPort = await freePort('127.0.0.1');
    const relay = await add('relay', 'relay', [
      ...['--listen', relayAddress, '--advertise', relayAdvertise ?? relayAddress],
      ...['--status-port', String(statusPort)],
    ]);
    return {
      ...rigOf(dir, api, control, relay),
      relayAddress,
      relayStatusUrl: `http://127.0.0.1:${statusPort}/status`,
      addHost: (name, args, netns, env) => {
        const at = args.indexOf('--embedded-root');
        if (at !== -1) embeddedRoots.push(args[at + 1]!);
        return add('host', name, direct || args.includes('--listen') ? args : [...args, '--no-listen'], netns, env);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const refusals = ({ body }: ApiProblem): string =>
  (body.report as Report).checks
    .filter(({ status }) => status === 'fail')
    .map(({ name, detail }) => `${name}: ${detail}`)
    .join(' ');

function rigOf(
  dir: string,
  api: ApiClient,
  control: ControlPlane,
  relay: Member,
): Omit<FleetRig, 'addHost' | 'close' | 'relayAddress' | 'relayStatusUrl'> {
  const migrate: FleetRig['migrate'] = (stack, target, options = {}) =>
    api
      .post<MigrationView>(`/stacks/${stack}/migrate`, { target_host_id: target.id, sizing: 'stack', ...options })
      .catch((error: unknown) => {
        // A test that did not expect it says which check failed.
        if (error instanceof ApiProblem && error.body.report) error.message += ` ${refusals(error)}`;
        throw error;
      });
  return {
    dir,
    api,
    control,
    relay,
    migrate,
    stackAt: (name, host) =>
      until(async () => {
        const { items } = await api.get<{ items: { name: string; host_id: string; summary: { running: boolean } }[] }>(
          '/stacks',
        );
        return items.some((stack) => stack.name === name && stack.host_id === host.id && stack.summary.running);
      }, `stack "${name}" at host "${host.name}"`),
    async refused(stack, target, options) {
      const started = await migrate(stack, target, options).catch((error: unknown) => error);
      if (started instanceof ApiProblem && started.code === 'preflight_failed') return started.body.report as Report;
      throw started instanceof Error ? started : new Error('the pre-flight let it pass', { cause: started });
    },
    async ended(id, onEvent = () => {}) {
      for await (const event of api.follow(id)) onEvent(event);
      const show = () => api.get<MigrationView>(`/migrations/${id}`);
      await until(async () => (await show()).owed.length === 0, `migration ${id} to owe nothing`);
      return show();
    },
  };
}

/** The names of the checks that failed. */
export const failedChecks = ({ checks }: Report) =>
  checks.filter(({ status }) => status === 'fail').map(({ name }) => name);
