import { docker, type HostName } from './two-hosts.ts';

/** Stacks that the tests move. `secret` must never be seen anywhere but in the project's `.env`. */

export const secret = 'canary-secret-d41d8cd98f00b204';

/** PostgreSQL with a healthcheck, an nginx that publishes a port, and a job that ends. */
export const shop = {
  'compose.yaml': `
services:
  db:
    image: sf-postgres:1
    restart: always
    # As the official image has it: clients are disconnected, not waited for.
    stop_signal: SIGINT
    environment:
      POSTGRES_PASSWORD: \${DB_PASSWORD}
    volumes: [dbdata:/var/lib/postgresql/data]
    healthcheck:
      test: [CMD-SHELL, pg_isready -U postgres -h 127.0.0.1]
      # Seldom once it is well: each probe is a process beside the other tests'.
      interval: 10s
      start_interval: 1s
      start_period: 60s
      timeout: 3s
      retries: 3
  web:
    image: sf-nginx:1
    restart: unless-stopped
    ports: ["8080:80"]
    depends_on: { db: { condition: service_healthy } }
  job:
    image: sf-postgres:1
    entrypoint: [sh, -c, echo seeded]
    depends_on: { db: { condition: service_healthy } }
volumes:
  dbdata: {}
`,
  '.env': `DB_PASSWORD=${secret}\n`,
};

/** Busybox with a volume; `health` is a shell condition, true by default. */
export const plain = (options: { health?: string; ports?: string; volume?: string; command?: string } = {}) => ({
  'compose.yaml': `
services:
  app:
    image: sf-busybox:1
    command: [${options.command ?? 'sleep, "100000"'}]
    init: true
    restart: always
    volumes: [data:/data]
    ${options.ports ? `ports: ["${options.ports}"]` : ''}
    ${options.health ? `healthcheck: { test: [CMD-SHELL, ${JSON.stringify(options.health)}], interval: 1s, retries: 3 }` : ''}
volumes:
  data: ${options.volume ? `{ name: ${options.volume} }` : '{}'}
`,
});

export async function psql(host: HostName, container: string, sql: string): Promise<string> {
  return (
    await docker(host, 'exec', container, 'psql', '-U', 'postgres', '-h', '/var/run/postgresql', '-Atc', sql)
  ).trim();
}
