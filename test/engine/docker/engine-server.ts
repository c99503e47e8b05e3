import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DockerApi, openDockerApi } from '../../../agent/engine/docker/api.ts';

/** Answers of an engine that a real one can't be made to give: slow pulls, odd images, registries that refuse. */
export async function startEngine(
  respond: (path: string, answer: ServerResponse, request: IncomingMessage) => void,
): Promise<{ api: DockerApi; close(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'stackferry-engine-'));
  const server = createServer((request, answer) => {
    const path = decodeURIComponent(request.url ?? '').replace(/^\/v[\d.]+/, '');
    if (path !== '/version') return respond(path, answer, request);
    answer.end(JSON.stringify({ Version: '26.1', ApiVersion: '1.45', Os: 'linux', Arch: 'amd64' }));
  });
  await new Promise<void>((done) => server.listen(join(dir, 'docker.sock'), done));
  const api = await openDockerApi(join(dir, 'docker.sock'));
  return {
    api,
    close: async () => {
      await api.close();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      await rm(dir, { recursive: true });
    },
  };
}
