import { dockerBinaryOf, type HostName, socketOf } from '../docker/two-hosts.ts';
import { run } from '../support/run.ts';
import { containersOf } from './stack-state.ts';

/** Of Compose's model of a stack, as `docker compose config --format json` prints it. */
export interface Model {
  services: Record<string, { image?: string; configs?: Given[]; secrets?: Given[] }>;
  networks?: Record<string, { name: string; ipam?: { config?: unknown } }>;
}

interface Given {
  source: string;
  target?: string;
}

/** `container path` → digest of each config and secret, as the container sees it. */
export async function contentsOf(host: HostName, name: string, { services }: Model): Promise<Record<string, string>> {
  const found: [string, string][] = [];
  for (const { Name, Config } of await containersOf(host, name)) {
    const { configs = [], secrets = [] } = services[Config.Labels['com.docker.compose.service']] ?? {};
    const paths = [
      ...configs.map(({ source, target = `/${source}` }) => target),
      ...secrets.map(({ source, target = source }) => (target.startsWith('/') ? target : `/run/secrets/${target}`)),
    ];
    for (const path of paths) found.push([`${Name} ${path}`, await digest(host, Name, path)]);
  }
  return Object.fromEntries(found);
}

const digest = (host: HostName, container: string, path: string) =>
  run('bash', [
    '-c',
    'set -o pipefail; "$1" -H "$2" cp --follow-link "$3" - | tar -xO | sha256sum',
    'digest',
    ...[dockerBinaryOf(host), `unix://${socketOf(host)}`, `${container.slice(1)}:${path}`],
  ]);
