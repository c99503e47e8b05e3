import type { HostPrivilege } from './facts.ts';

const asRoot = 'the stack can do everything that root can on this host';

/** What a stack can do that has one of these powers, for the person who decides. */
export const powerMeanings: Record<HostPrivilege, string> = {
  privileged: asRoot,
  docker_socket: asRoot,
  host_network:
    'the stack is in this host’s network, or in another container’s: it reaches what listens there for itself alone, and can take any port',
  host_pid: 'the stack sees this host’s processes, or another container’s, with their files, and can end them',
  host_ipc: 'the stack reads and writes memory that this host’s programs, or another container’s, share',
  host_userns: 'root in the stack’s containers is root of this host, even if the engine remaps users',
  devices: 'the stack reads and writes these devices of this host, with all that is on them',
  cap_add: 'the stack’s programs get these rights of root; some of them, such as SYS_ADMIN, are as good as all',
  security_opt: 'the stack’s containers are confined less, so that a fault in the kernel is easier to use',
  cgroup: 'the stack sees and changes the limits of this host’s other programs',
  host_path:
    'the stack reads these files of this host, and changes them unless they are mounted read-only; who writes to the system’s directories is root',
};
