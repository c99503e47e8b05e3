import { cp, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.ts';

/** Archives that `layParts` makes, and the images that `importParts` makes of them. */
export const parts = { base: 'base.tar', client: 'client.tar', baseImage: 'sf-node:1', clientImage: 'sf-client:1' };

/**
 * What stands in for the base and the client of deploy/docker's files where no registry is reached: this machine's Node,
 * npm and `docker` with `compose`, as two archives in `dir`.
 */
export async function layParts(dir: string): Promise<void> {
  const [base, client] = [join(dir, 'base/usr/local'), join(dir, 'client/usr/local')];
  for (const place of [join(base, 'bin'), join(base, 'lib'), join(client, 'bin'), join(client, 'libexec/docker')])
    await mkdir(place, { recursive: true });
  await cp(process.execPath, join(base, 'bin/node'));
  await cp(await npmDirectory(), join(base, 'lib/npm'), { recursive: true });
  await symlink('../lib/npm/bin/npm-cli.js', join(base, 'bin/npm'));
  await cp('/usr/bin/docker', join(client, 'bin/docker'));
  await cp('/usr/libexec/docker/cli-plugins', join(client, 'libexec/docker/cli-plugins'), { recursive: true });
  await run('tar', ['-C', join(dir, 'base'), '-cf', join(dir, parts.base), 'usr']);
  await run('tar', ['-C', join(dir, 'client'), '-cf', join(dir, parts.client), 'usr']);
}

/** For a shell in the directory of the archives, and an Engine that has the tests' `sf-tools:1`. */
export const importParts = `
docker import ${parts.client} ${parts.clientImage}
made=$(docker create sf-tools:1 true)
docker cp - $made:/ <${parts.base}
docker commit --change 'ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' $made ${parts.baseImage}
docker rm $made`;

export async function npmDirectory(): Promise<string> {
  return (await run('sh', ['-c', 'dirname "$(dirname "$(readlink -f "$(command -v npm)")")"'])).trim();
}
