import { access } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { errorMessageOf } from '../../../../schema/errors.ts';
import type { DeviceRequest, StackFacts } from '../../../../schema/facts.ts';
import { limits } from '../../../../schema/limits.ts';
import { shortened } from '../../../../schema/shortened.ts';
import { nothing } from '../api.ts';
import type { DockerContext } from '../context.ts';
import { agentLabel, helperLabel } from '../labels.ts';
import { engineInfo } from './engine-info.ts';

/** Names the devices, runtimes and GPUs that services ask for and this host can't provide, with the reason if known. */
export async function devicesAbsent(context: DockerContext, services: StackFacts['services']): Promise<string[]> {
  const wanted = new Set(services.flatMap(({ runtime }) => runtime ?? []));
  const { runtimes } = wanted.size > 0 ? await engineInfo(context.api) : { runtimes: [] };
  const absent = [...wanted].filter((runtime) => !isKnown(runtime, runtimes)).map((runtime) => `runtime ${runtime}`);
  const paths = new Set(services.flatMap(({ devices }) => devices.filter(isAbsolute)));
  for (const path of paths) if (!(await isThere(path))) absent.push(path);
  const requests = new Map(services.flatMap(requestsOf).map((request) => [JSON.stringify(request), request]));
  for (const request of requests.values()) {
    const refusal = await tryDevices(context, request);
    if (refusal !== null) absent.push(`${nameOf(request)} (${refusal})`);
  }
  return absent;
}

/** The engine also accepts a containerd shim by its full name, which it does not list. */
const isKnown = (runtime: string, runtimes: string[]) =>
  runtimes.includes(runtime) || /^io\.containerd\./.test(runtime);

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

/** A device that is not a path is a CDI name: `vendor.com/gpu=all`. */
function requestsOf({ devices, device_requests }: StackFacts['services'][number]): DeviceRequest[] {
  const named = devices.filter((device) => device !== '' && !isAbsolute(device));
  const cdi = { driver: 'cdi', count: 0, device_ids: named, capabilities: [] };
  return named.length > 0 ? [...device_requests, cdi] : device_requests;
}

const nameOf = ({ driver, count, device_ids, capabilities }: DeviceRequest) =>
  [
    capabilities.length > 0 ? capabilities.join('+') : 'device',
    device_ids.length > 0 ? device_ids.join(', ') : count > 0 ? `× ${count}` : '',
    driver ? `of driver ${driver}` : '',
  ]
    .filter((part) => part !== '')
    .join(' ');

const created = z.object({ Id: z.string() });

/**
 * Creates and starts a container that requests the device and runs `true`: the engine's lists don't show whether it can
 * provide a GPU. Returns the error, or null.
 */
async function tryDevices({ api, place }: DockerContext, request: DeviceRequest): Promise<string | null> {
  const { driver, count, device_ids, capabilities } = request;
  let id: string | null = null;
  try {
    const { Id } = await api.post(
      '/containers/create',
      {
        Image: await place.image(),
        Entrypoint: ['true'],
        Cmd: [],
        Labels: { [helperLabel]: 'device-trial', [agentLabel]: place.agentId },
        HostConfig: {
          NetworkMode: 'none',
          ReadonlyRootfs: true,
          LogConfig: { Type: 'none', Config: {} },
          DeviceRequests: [
            {
              Driver: driver,
              Count: count,
              DeviceIDs: device_ids,
              Capabilities: capabilities.length ? [capabilities] : [],
            },
          ],
        },
      },
      created,
    );
    id = Id;
    await api.post(`/containers/${Id}/start`, undefined, nothing, { timeoutMs: limits.agent.helperStartMsMax });
    return null;
  } catch (error) {
    return shortened(errorMessageOf(error), 200);
  } finally {
    if (id) await api.delete(`/containers/${id}?force=true&v=true`).catch(() => {});
  }
}
