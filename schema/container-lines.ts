import type { NewNode } from './install-line.ts';

interface ContainerSettings {
  name: string;
  /** Flags of `docker run`, one line each; `compose` is their equivalent. */
  flags: string[];
  compose: string[];
  volumes: string[];
  program: string;
  /** Named volumes that the Compose file declares. */
  declares: string[];
}

const sameThere = (path: string) => `${path}:${path}`;

const agent = {
  name: 'stackferry-agent',
  flags: ['--network host --pid host'],
  compose: ['network_mode: host', 'pid: host'],
  // The last one holds the projects; the operator adapts it.
  volumes: ['/var/run/docker.sock', '/var/lib/docker', '/var/lib/stackferry', '/srv'].map(sameThere),
  program: 'agent --state /var/lib/stackferry/agent',
  declares: [],
} satisfies ContainerSettings;

const relay = {
  name: 'stackferry-relay',
  // It finds the control plane by the names that its host knows, and no proxy of Docker's is in the way of the data.
  flags: ['--network host --init --user 1000 --cap-drop ALL'],
  compose: ['network_mode: host', 'init: true', 'user: "1000"', 'cap_drop: [ALL]'],
  volumes: ['stackferry-relay:/state'],
  program: 'relay --state /state --advertise HOST:7400',
  declares: ['stackferry-relay'],
} satisfies ContainerSettings;

/**
 * Returns a `docker run` command and a Compose file that start an agent or a relay from the image `stackferry` of
 * docs/containers.md. The join token goes through the environment: every user of a machine can read arguments.
 */
export function containerLines(control: string, { kind, joinToken }: NewNode): { run: string; compose: string } {
  const { name, flags, compose, volumes, program, declares }: ContainerSettings = kind === 'host' ? agent : relay;
  const command = `${program} --control ${new URL(control).origin}`;
  const run = [
    `docker run -d --name ${name} --restart always`,
    ...flags,
    ...volumes.map((volume) => `-v ${volume}`),
    `-e STACKFERRY_JOIN_TOKEN=${joinToken}`,
    `stackferry ${command}`,
  ];
  const file = [
    `name: ${name}`,
    'services:',
    `  ${kind === 'host' ? 'agent' : 'relay'}:`,
    ...[
      'image: stackferry',
      `container_name: ${name}`,
      `command: ${command}`,
      `environment: { STACKFERRY_JOIN_TOKEN: ${joinToken} }`,
      'restart: always',
      ...compose,
      'volumes:',
      ...volumes.map((volume) => `  - ${volume}`),
    ].map((line) => `    ${line}`),
    ...(declares.length > 0 ? ['volumes:', ...declares.map((volume) => `  ${volume}: { name: ${volume} }`)] : []),
  ];
  return { run: run.join(' \\\n  '), compose: file.join('\n') };
}
