import type { DeviceRequest, StackService } from '../../../../schema/facts.ts';
import type { DeviceReservation, ServiceModel } from '../../../compose/model.ts';

/** A service's requirements on the host's hardware and its engine. */
export function wantedDevices(
  service: ServiceModel | undefined,
): Pick<StackService, 'devices' | 'device_requests' | 'runtime'> {
  const reserved = service?.deploy?.resources?.reservations?.devices ?? [];
  return {
    devices: (service?.devices ?? []).map((device) =>
      typeof device === 'string' ? (device.split(':')[0] ?? '') : device.source,
    ),
    device_requests: [
      ...reserved.map((device) => requestOf(device, [])),
      ...(service?.gpus ?? []).map((device) => requestOf(device, ['gpu'])),
    ],
    runtime: service?.runtime ?? null,
  };
}

/** Like Compose: without a count or ids it requests all of them. */
function requestOf(
  { driver = '', count, device_ids = [], capabilities }: DeviceReservation,
  own: string[],
): DeviceRequest {
  const all = count === 'all' || (count === undefined && device_ids.length === 0);
  return { driver, count: all ? -1 : Number(count ?? 0), device_ids, capabilities: capabilities ?? own };
}
