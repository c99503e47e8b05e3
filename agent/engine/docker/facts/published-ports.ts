import type { StackService } from '../../../../schema/facts.ts';
import type { ServiceModel } from '../../../compose/model.ts';
import type { Container } from '../stack/containers.ts';

type Ports = StackService['ports'];

/** From the container's port bindings, so that a port the engine chose at random is left out. */
export const portsAsMade = ({ HostConfig }: Container): Ports =>
  Object.entries(HostConfig.PortBindings).flatMap(([inside, bindings]) =>
    bindings.flatMap(({ HostIp, HostPort }) => portRange(HostIp, HostPort, inside.split('/')[1])),
  );

/** From the file, without the ports that it leaves to the engine. */
export const portsAsWritten = ({ ports = [] }: ServiceModel): Ports =>
  ports.flatMap(({ host_ip = '', published = '', protocol = 'tcp' }) => portRange(host_ip, `${published}`, protocol));

/** `published`: `8080` or `8080-8090`. */
function portRange(host_ip: string, published: string, protocol: string | undefined): Ports {
  const [from, to = from] = published.split('-').map(Number);
  if (!from || !to || (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp')) return [];
  return Array.from({ length: to - from + 1 }, (_, i) => ({ host_ip, port: from + i, protocol }));
}
