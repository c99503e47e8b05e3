import type { StackDescription } from '../description.ts';

export const applications: Record<string, StackDescription> = {
  wikinook: { pattern: 'wiki: several env files, one of them optional and absent, healthy database first' },
  forgeyard: {
    pattern: 'git forge: database on an internal network, runner with the Docker socket',
    prepare: 'echo "SOCKET=$SOCKET" >.env',
    needs: { allow: ['docker_socket'] },
  },
  chatspire: { pattern: 'chat: YAML anchors and merges, `x-` extensions, jobs beside the web server' },
  invoicebox: { pattern: 'invoices: `volumes_from` of the app, read-only, in the web server' },
  papermill: { pattern: 'document archive: five services, directories to drop files into inside the project' },
  newsriver: { pattern: 'feed reader: healthcheck off, updater with the volumes of the reader' },
  keysafe: { pattern: 'password manager: one container, `./data`, fixed name, loopback only' },
  linkpile: { pattern: '`compose.override.yaml`, tag from `.env`, defaults for the rest' },
  recipejar: { pattern: '`COMPOSE_FILE` in `.env`: three files, one in a directory' },
  notenest: { pattern: '`extends` of a file and of a service, logging options' },
  academy: { pattern: '`include` of two files, one with an env file of its own' },
  shopfloor: { pattern: '`COMPOSE_PROFILES` in `.env`, another profile never enabled' },
  ticketdesk: {
    pattern: 'init containers: permissions, then migrations, then the app (`service_completed_successfully`)',
    jobs: ['permissions', 'migrate'],
  },
  mailroom: {
    pattern: 'mail server: secrets and configs from files with target and mode, hostname, long grace period',
    prepare: 'chmod 600 secrets/*',
  },
  postbox: { pattern: 'secrets by `environment`, configs by `content` and `environment`' },
  ldaptree: { pattern: 'LDAP: terminal, open stdin, ulimits, domain name, odd characters in the environment' },
  signin: { pattern: 'single sign-on: secrets with owner and mode, one by `PWD`' },
  almanac: {
    pattern: 'hardened: all capabilities dropped, some added, read-only root, limits by `deploy`',
    needs: { allow: ['cap_add'] },
  },
  officedesk: { pattern: 'office suite: five services, three that share volumes nested in each other, `host-gateway`' },
  namedpair: { pattern: '`name:`, `container_name`, named networks and volumes, labels of volumes as a list' },
  variables: { pattern: 'interpolation: defaults, alternatives, required, nested, in ports, volumes and booleans' },
  marked: { pattern: 'labels of every type, annotations, port ranges, `x-` in a service, dropped capability' },
  umlautbox: { pattern: 'blanks, quotes and other scripts in paths, labels and environment' },
};
