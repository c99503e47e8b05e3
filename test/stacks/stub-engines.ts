import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { docker, type HostName, socketOf } from '../docker/two-hosts.ts';
import { run } from '../support/run.ts';
import type { StackDescription } from './description.ts';

/**
 * Both engines with the runtime of `test/corpus/runtime` in place of theirs, so that stacks run without the programs of
 * their images. A restarted engine has its own again.
 */
export interface StubEngines {
  /** Gives both engines a stub for each of these names, but for those that the source alone has. */
  tag(images: string[], stack: StackDescription): Promise<void>;
  close(): Promise<void>;
}

const hosts = ['a', 'b'] as const;
const prepare = fileURLToPath(new URL('../corpus/runtime/prepare.sh', import.meta.url));

/** `jobs`: `project/service` of each that ends. */
export async function startStubEngines(jobs: string[]): Promise<StubEngines> {
  const undo = [await stubRuntime('a', jobs), await stubRuntime('b', jobs)];
  const archive = join(stubOf('a'), 'stub.tar');
  const make = async (image: string, changes: string[]) => {
    await docker('a', 'import', ...['CMD ["run"]', ...changes].map((change) => `--change=${change}`), archive, image);
    await copy(image);
  };
  await make('stub:1', []);
  return {
    async tag(images, { imageVolumes = {}, builtHere = [] }) {
      const stubs: Record<string, string> = {};
      for (const [image, volumes] of Object.entries(imageVolumes)) {
        stubs[image] = `stub-${image.replaceAll(/\W/g, '-')}:1`;
        await make(
          stubs[image],
          volumes.map((path) => `VOLUME ${path}`),
        );
      }
      const tagOn = (host: HostName, names: string[]) =>
        run('sh', [
          ...['-ec', 'host=$1; shift; while [ $# -gt 0 ]; do docker -H "$host" tag "$1" "$2"; shift 2; done', 'tag'],
          ...[`unix://${socketOf(host)}`, ...names.flatMap((image) => [stubs[image] ?? 'stub:1', image])],
        ]);
      await tagOn('a', images);
      await tagOn(
        'b',
        images.filter((image) => !builtHere.includes(image)),
      );
    },
    async close() {
      for (const each of undo) await each();
    },
  };
}

const stubOf = (host: HostName) => join(dirname(socketOf(host)), 'stub');

/** With the same id, as from a registry. */
const copy = (image: string) =>
  run('sh', ['-ec', 'docker -H "$1" save "$3" | docker -H "$2" load -q', 'copy', ...sockets, image]);
const sockets = hosts.map((host) => `unix://${socketOf(host)}`);

async function stubRuntime(host: HostName, jobs: string[]): Promise<() => Promise<void>> {
  const state = dirname(socketOf(host));
  const stub = stubOf(host);
  const dataRoot = (await docker(host, 'info', '-f', '{{.DockerRootDir}}')).trim();
  await run('bash', [prepare, stub, dataRoot]);
  await writeFile(join(stub, 'jobs'), `${jobs.join('\n')}\n`);
  const settings = join(state, 'daemon.json');
  const before = await readFile(settings, 'utf8');
  const reload = async (text: string, wanted: string) => {
    await writeFile(settings, text);
    process.kill(Number(await readFile(join(state, 'dockerd.pid'), 'utf8')), 'SIGHUP');
    for (let tries = 0; (await docker(host, 'info', '-f', '{{.DefaultRuntime}}')).trim() !== wanted; tries += 1)
      if (tries === 50) throw new Error(`the engine of host ${host} does not take ${wanted} as its runtime`);
  };
  const runtimes = { stub: { path: join(stub, 'runtime') } };
  await reload(JSON.stringify({ ...JSON.parse(before), runtimes, 'default-runtime': 'stub' }), 'stub');
  return () => reload(JSON.stringify({ ...JSON.parse(before), runtimes, 'default-runtime': 'runc' }), 'runc');
}
