import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

/**
 * A registry for images that wants a login, as far as Docker pushes to it and pulls from it: blobs, manifests, tags. Runs
 * as a process of its own, so that it listens in a host's network namespace; several may serve one directory.
 *
 *   node image-registry.ts PORT DIRECTORY LOGIN
 *
 * `LOGIN` is a file with `user:password`, read at each request. While `LOGIN.hold` is there, no
 * blob is given; `LOGIN.held` shows that one was asked for.
 */
const [port = '', dir = '', loginFile = ''] = process.argv.slice(2);
const blobs = join(dir, 'blobs');
const tags = join(dir, 'tags');

const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const blobPath = (digest: string) => join(blobs, digest.replace(/[^a-z0-9]/g, '_'));
const tagPath = (repo: string, tag: string) => join(tags, `${repo}:${tag}`.replaceAll('/', '_'));
const body = async (request: IncomingMessage) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};
const read = (path: string) => readFile(path).catch(() => null);
const uploads = new Map<string, Buffer[]>();

async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://registry');
  const login = await readFile(loginFile, 'utf8');
  const isKnown = request.headers.authorization === `Basic ${Buffer.from(login).toString('base64')}`;
  const answer = (status: number, headers: Record<string, string> = {}, content: Buffer | string = '') =>
    void response.writeHead(status, headers).end(request.method === 'HEAD' ? '' : content);
  const refuse = (status: number, code: string, headers = {}) =>
    answer(status, headers, JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] }));
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (!isKnown) return refuse(401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="images"' });
  const [, repo = '', kind = '', name = ''] =
    /^\/v2\/(.+)\/(manifests|blobs|blobs\/uploads)\/([^/]*)$/.exec(url.pathname) ?? [];
  if (kind === '') return answer(url.pathname === '/v2/' ? 200 : 404);
  if (kind === 'manifests' && isRead) {
    const digest = name.startsWith('sha256:') ? name : (await read(tagPath(repo, name)))?.toString();
    const manifest = digest ? await read(blobPath(digest)) : null;
    if (!digest || !manifest) return refuse(404, 'MANIFEST_UNKNOWN');
    const { mediaType } = JSON.parse(manifest.toString()) as { mediaType: string };
    const length = String(manifest.length);
    return answer(
      200,
      { 'content-type': mediaType, 'docker-content-digest': digest, 'content-length': length },
      manifest,
    );
  }
  if (kind === 'blobs' && isRead) {
    while (existsSync(`${loginFile}.hold`)) {
      await writeFile(`${loginFile}.held`, '');
      await setTimeout(50);
    }
    const blob = await read(blobPath(name));
    if (!blob) return refuse(404, 'BLOB_UNKNOWN');
    return answer(200, { 'docker-content-digest': name, 'content-length': String(blob.length) }, blob);
  }
  if (kind === 'manifests') {
    const manifest = await body(request);
    const digest = digestOf(manifest);
    await writeFile(blobPath(digest), manifest);
    if (!name.startsWith('sha256:')) await writeFile(tagPath(repo, name), digest);
    return answer(201, { 'docker-content-digest': digest, location: url.pathname });
  }
  const upload = name === '' ? String(uploads.size) : name;
  const parts = uploads.get(upload) ?? [];
  uploads.set(upload, [...parts, await body(request)]);
  const location = `/v2/${repo}/blobs/uploads/${upload}`;
  const digest = url.searchParams.get('digest');
  if (request.method !== 'PUT' || !digest) {
    const bytes = Buffer.concat(uploads.get(upload) ?? []).length;
    return answer(202, { location, range: `0-${Math.max(0, bytes - 1)}`, 'docker-upload-uuid': upload });
  }
  await writeFile(blobPath(digest), Buffer.concat(uploads.get(upload) ?? []));
  return answer(201, { location: `/v2/${repo}/blobs/${digest}`, 'docker-content-digest': digest });
}

await Promise.all([mkdir(blobs, { recursive: true }), mkdir(tags, { recursive: true })]);
createServer((request, response) => {
  respond(request, response).catch((error) => response.writeHead(500).end(String(error)));
}).listen(Number(port), '127.0.0.1', () => process.stdout.write('listens\n'));
