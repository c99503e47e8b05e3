import { fork } from 'node:child_process';
import { join } from 'node:path';
import { addressOf } from './two-hosts.ts';

/** A page that says on which host it is served, and is sick where the healthcheck says so. */
export const page = (health = 'true') => ({
  'compose.yaml': `
services:
  web:
    image: sf-nginx:1
    restart: always
    ports: ["8080:80"]
    volumes: [pages:/data]
    healthcheck: { test: [CMD-SHELL, ${JSON.stringify(health)}], interval: 1s, retries: 3 }
volumes:
  pages: {}
`,
});

interface Load {
  sent: number;
  failed: number;
  errors: Record<string, number>;
  longestMs: number;
  failedFrom: number;
  failedUntil: number;
}

/** Clients of the old address, each with a connection of its own. */
export async function clients(perSecond = 100) {
  const file = join(import.meta.dirname, '../forward/load-process.ts');
  const child = fork(file, [`http://${addressOf.a}:8080/`, String(perSecond)], { execArgv: [] });
  await new Promise((resolve) => child.once('message', resolve));
  return {
    ended: () =>
      new Promise<Load>((resolve) => {
        child.once('message', (result) => {
          child.disconnect();
          resolve(result as Load);
        });
        child.send('stop');
      }),
  };
}
