import net from 'node:net';
import { limits } from '../../../../schema/limits.ts';
import type { DockerApi } from '../api.ts';
import { type Container, inspectAll } from './containers.ts';

/**
 * Those of these containers that publish TCP ports and accept connections at all of them, at their own addresses: at the
 * host's, Docker's proxy accepts for an app that does not. None of a network that this host does not reach.
 */
export async function accepting(api: DockerApi, ids: string[]): Promise<Set<string>> {
  const containers = await inspectAll(api, ids);
  const judged = await Promise.all(containers.map(async (one) => ((await acceptsAll(one)) ? [one.Id] : [])));
  return new Set(judged.flat());
}

async function acceptsAll({ HostConfig, NetworkSettings }: Container): Promise<boolean> {
  const ports = Object.keys(HostConfig.PortBindings).flatMap((key) => {
    const [, port] = /^(\d+)\/tcp$/.exec(key) ?? [];
    return port === undefined ? [] : [Number(port)];
  });
  const host = Object.values(NetworkSettings.Networks).find((network) => network?.IPAddress)?.IPAddress;
  if (!host || ports.length === 0) return false;
  return (await Promise.all(ports.map((port) => accepts(host, port)))).every(Boolean);
}

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
