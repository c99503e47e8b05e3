import type { StackDescription } from '../description.ts';

export const operations: Record<string, StackDescription> = {
  lookout: {
    pattern: 'monitoring: node exporter with the host’s network, processes and files',
    needs: { allow: ['host_network', 'host_pid', 'host_path'] },
  },
  logfunnel: { pattern: 'logging: `/var/log` of the host, read-only, which stays; options of the log driver' },
  heartbeat: {
    pattern: 'uptime monitor: Docker socket read-only, extra group',
    prepare: 'echo "SOCKET=$SOCKET" >.env',
    needs: { allow: ['docker_socket'] },
  },
  gauges: {
    pattern: 'container metrics: privileged, device, `/sys` and `/run`',
    needs: { allow: ['privileged', 'devices', 'host_path'] },
  },
  weatherlog: { pattern: 'time series: database, agent with `init`, panel as root' },
  homehub: {
    pattern: 'home automation: privileged, network of the host, AppArmor off',
    needs: { allow: ['privileged', 'host_network', 'security_opt'] },
  },
  radiohub: {
    pattern: 'MQTT broker and radio: serial device under another name, extra group by name',
    needs: { allow: ['devices'] },
  },
  nightly: { pattern: 'backup job: reads the app’s volume, archive in the project, limited restarts' },
  cronbox: { pattern: 'scheduler by labels, jobs in a profile that is off' },
  queuefarm: { pattern: 'workers: scaled by hand and by `replicas` from a variable', up: ['--scale', 'worker=3'] },
  capped: { pattern: 'limits: `deploy.resources`, the older names of them, ulimits, OOM score' },
  sharedspace: { pattern: '`ipc: shareable`, and IPC, processes and network of another service' },
  stopper: { pattern: 'stop signals and grace periods, init, terminal' },
  homemade: {
    pattern: 'images built on the source, which no registry has',
    builtHere: ['homemade-web', 'homemade/worker:dev'],
  },
  looseseal: {
    pattern: 'seccomp off, large shared memory',
    needs: { allow: ['security_opt'] },
  },
  restful: {
    pattern: 'one service paused and one stopped by hand',
    meanwhile: 'docker pause restful-paused-1; docker stop restful-stopped-1',
  },
  slowpulse: { pattern: 'healthcheck every five minutes, with a start interval' },
  chain: { pattern: '`depends_on` through four services, conditions mixed', jobs: ['d'] },
};
