import { randomBytes } from 'node:crypto';
import { link, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openHostRoot } from './host-root.ts';
import { stackFileName } from './stack-file.ts';
import { makeStackVolumes, upStack } from './stack-lifecycle.ts';
import { dataOf } from './volume-store.ts';

const server = `// A guestbook: GET / lists, POST / adds a line, GET /health answers once the volume can be read.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const book = join(process.env.VOLUME_DATA, 'entries.txt');
const entries = () => (existsSync(book) ? readFileSync(book, 'utf8').split('\\n').filter(Boolean) : []);

const server = createServer((request, response) => {
  if (request.method !== 'POST') return response.end(JSON.stringify({ entries: entries() }) + '\\n');
  let text = '';
  request.on('data', (part) => {
    text += part;
    if (text.length > 10_000) request.destroy();
  });
  request.on('end', () => {
    appendFileSync(book, text.replaceAll('\\n', ' ') + '\\n');
    response.writeHead(201).end();
  });
});
server.listen(Number(process.env.PORT), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
`;

const job = `// A one-shot job: counts the guestbook's lines into a report, and ends.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const book = join(process.env.VOLUME_DATA, 'entries.txt');
const count = existsSync(book) ? readFileSync(book, 'utf8').split('\\n').filter(Boolean).length : 0;
writeFileSync(join(process.env.VOLUME_REPORTS, 'report.txt'), \`\${count} entries\\n\`);
`;

const fileBytesMax = 4 * 1_048_576;

/**
 * Creates and starts a stack called `guestbook` (or `name`) on an embedded host: a web service with a healthcheck on
 * `port`, a job, two volumes (`bytes` of random data in the first), and a `.env` with a secret. Returns its directory
 * and that secret, so that tests can search for leaks.
 */
export async function seedSampleStack(
  root: string,
  name = 'guestbook',
  options: { bytes: number; port: number },
): Promise<{ directory: string; secret: string }> {
  const host = await openHostRoot(root);
  const directory = join(host.stacks, name);
  const secret = `canary-${randomBytes(12).toString('hex')}`;
  await mkdir(directory, { recursive: true });
  const files = {
    'server.mjs': server,
    'job.mjs': job,
    '.env': `GUESTBOOK_SECRET=${secret}\n`,
    [stackFileName]: `${JSON.stringify(stackOf(options.port), null, 2)}\n`,
  };
  for (const [file, text] of Object.entries(files)) await writeFile(join(directory, file), text, { mode: 0o644 });
  await makeStackVolumes(host, name);
  await fillVolume(dataOf(host, `${name}_data`), options.bytes);
  await upStack(root, name);
  return { directory, secret };
}

function stackOf(port: number) {
  return {
    services: {
      web: {
        command: ['node', 'server.mjs'],
        environment: { PORT: String(port) },
        volumes: ['data:/data'],
        ports: [port],
        restart: 'always',
        healthcheck: { http_port: port, path: '/health', interval_ms: 200 },
        stop_grace_ms: 5_000,
      },
      report: {
        command: ['node', 'job.mjs'],
        volumes: ['data:/data', 'reports:/reports'],
        one_shot: true,
      },
    },
    volumes: { data: {}, reports: {} },
  };
}

/** Random data, so that compression does not distort measurements; in several files, with a link of each kind. */
async function fillVolume(data: string, bytes: number): Promise<void> {
  const directory = join(data, 'noise');
  await mkdir(directory, { recursive: true });
  await writeFile(join(data, 'entries.txt'), 'the first line\n');
  for (let left = bytes, index = 0; left > 0; left -= fileBytesMax, index += 1) {
    await writeFile(join(directory, `${index}.bin`), randomBytes(Math.min(left, fileBytesMax)));
  }
  await symlink('../entries.txt', join(directory, 'entries')).catch(() => {});
  await link(join(data, 'entries.txt'), join(data, 'entries-again.txt')).catch(() => {});
}
