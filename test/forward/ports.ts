import type { ForwardedPort } from '../../schema/forwarding.ts';

export const tcp = (port: number, host_ip = ''): ForwardedPort => ({ host_ip, port, protocol: 'tcp' });
export const udp = (port: number, host_ip = ''): ForwardedPort => ({ host_ip, port, protocol: 'udp' });
