import { join } from 'node:path';
import type { Member } from '../../cli/local/fleet.ts';
import { type FleetOptions, type FleetRig, startFleetRig } from '../support/fleet-rig.ts';
import {
  compose,
  dockerBinaryOf,
  dockerd,
  environmentOf,
  gatewayAddress,
  type HostName,
  helperArguments,
  netnsOf,
  type Project,
  socketOf,
  wipe,
  writeProject,
} from './two-hosts.ts';

/** A fleet over the two real Docker hosts, each agent in its host's network namespace. */
export interface DockerRig extends FleetRig {
  hosts: Record<HostName, Member>;
  /** Another agent for an engine whose own is stopped. */
  addAgent(name: string, host: HostName): Promise<Member>;
  /** Writes a project on host a, brings it up there, and waits until the control plane lists it. */
  up(name: string, files: Record<string, string>, ...upArguments: string[]): Promise<Project>;
  /** The project as it is on another host after a migration. */
  moved(project: Project, host: HostName): Project;
}

export interface DockerRigOptions extends Omit<FleetOptions, 'address'> {
  /** The docker client of agents and projects, which brings its own Compose; each host's own where none is named. */
  client?: string;
  /** Arguments of both hosts' agents. */
  agentArguments?: string[];
  /** Of a host's agent, beside what the host itself needs. */
  environment?: (host: HostName) => Record<string, string>;
}

export async function startDockerRig({
  client,
  agentArguments = [],
  environment = () => ({}),
  ...options
}: DockerRigOptions = {}): Promise<DockerRig> {
  for (const host of ['a', 'b'] as const) await dockerd('start', host);
  const fleet = await startFleetRig({ address: gatewayAddress, ...options });
  // Both hosts share this machine's file system, so a project can't have the same path on both.
  const stacksDir = (host: HostName) => join(fleet.dir, `stacks-${host}`);
  const add = (name: string, host: HostName, more: string[] = []) =>
    fleet.addHost(
      name,
      [
        ...['--engine', 'docker', '--docker-socket', socketOf(host), '--docker-binary', client ?? dockerBinaryOf(host)],
        ...[...helperArguments(host), '--stacks-dir', stacksDir(host), ...more],
      ],
      netnsOf(host),
      { ...environmentOf(host), ...environment(host) },
    );
  const hosts = { a: await add('a', 'a', agentArguments), b: await add('b', 'b', agentArguments) };
  return {
    ...fleet,
    hosts,
    addAgent: add,
    async up(name, files, ...upArguments) {
      const written = await writeProject(join(stacksDir('a'), name), files);
      const project = client ? { ...written, client } : written;
      await compose('a', project, ...upArguments, 'up', '-d', '--wait', '--wait-timeout', '90').catch((error) => {
        // `--wait` fails on jobs that have ended well.
        if (!String(error).includes('exited (0)')) throw error;
      });
      await fleet.stackAt(name, hosts.a);
      return project;
    },
    moved: (project, host) => ({ ...project, dir: join(stacksDir(host), project.name) }),
  };
}

export async function wipeBoth(): Promise<void> {
  for (const host of ['a', 'b'] as const) {
    await dockerd('start', host);
    await wipe(host);
  }
}
