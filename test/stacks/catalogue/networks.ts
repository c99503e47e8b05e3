import type { StackDescription } from '../description.ts';

export const networks: Record<string, StackDescription> = {
  gatekeeper: {
    pattern: 'reverse proxy with the Docker socket, labels as lists, a certificate store in one file',
    prepare: 'echo "SOCKET=$SOCKET" >.env; chmod 600 acme.json',
    needs: { allow: ['docker_socket'] },
  },
  sidegate: {
    pattern: 'app on the proxy’s external network with an alias, database on an internal one',
    prepare: 'docker network create --subnet 10.213.7.0/24 sidegate-front',
    needs: { with_external: true },
  },
  tunnelhome: {
    pattern: 'VPN server: NET_ADMIN, SYS_MODULE, sysctls as a list, the host’s modules',
    needs: { allow: ['cap_add', 'host_path'] },
  },
  holefilter: {
    pattern: 'DNS filter: port 53 by TCP and UDP, its own resolver, hostname and domain',
    needs: { allow: ['cap_add'] },
  },
  certrenew: { pattern: 'web server and certificate renewal that share volumes, entrypoints as shell lines' },
  meshnode: {
    pattern: 'mesh VPN: network of the host, tun device, two capabilities',
    needs: { allow: ['host_network', 'devices', 'cap_add'] },
  },
  staticlan: { pattern: 'static addresses, aliases and MAC address on a network with a fixed subnet' },
  sixlan: { pattern: 'IPv6 network with a static address, a port on `[::1]`' },
  ownaddress: { pattern: 'macvlan: an address of the LAN' },
  oldpair: { pattern: 'old syntax: `version`, `links`, `expose`, variables without a value' },
  airgap: { pattern: '`network_mode: none` and `bridge`' },
  privatedns: { pattern: 'DNS servers, search domains and options, extra hosts, MAC address' },
};
