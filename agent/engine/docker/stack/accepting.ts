import net from 'node:net';
import { limits } from '../../../../schema/limits.ts';
import type { DockerApi } from '../api.ts';
import { type Container, inspectAll } from './containers.ts';

/**
 * Which of these containers accept connections at all TCP ports that they publish, at their own addresses: at the host's,
 * Docker's proxy accepts for an app that does not. Without those that publish none, or are of a network that this host does
 * not reach.
 */
export async function accepting(api: DockerApi, ids: string[]): Promise<Map<string, boolean>> {
  const judged = await Promise.all(
    (await inspectAll(api, ids)).map(async (one) => {
      const ports = publishedPorts(one);
      const host = Object.values(one.NetworkSettings.Networks).find((network) => network?.IPAddress)?.IPAddress;
      if (!host || ports.length === 0) return [];
      const each = await Promise.all(ports.map((port) => accepts(host, port)));
      return [[one.Id, each.every(Boolean)] as const];
    }),
  );
  return new Map(judged.flat());
}

const publishedPorts = ({ HostConfig }: Container): number[] =>
  Object.keys(HostConfig.PortBindings).flatMap((key) => {
    const [, port] = /^(\d+)\/tcp$/.exec(key) ?? [];
    return port === undefined ? [] : [Number(port)];
  });

const accepts = (host: string, port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = net.connect({ host, port, timeout: limits.health.acceptMsMax });
    const end = (accepted: boolean) => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
