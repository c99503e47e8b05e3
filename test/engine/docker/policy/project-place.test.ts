import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { OwnContainer } from '../../../../agent/engine/docker/facts/own-container.ts';
import { placeRefusal, projectPlace } from '../../../../agent/engine/docker/policy/project-place.ts';

const host = (stacksDir: string | null, own: OwnContainer | null = null) => ({
  stacksDir,
  own,
  ownPaths: async () => ['/data/docker', '/data/agent'],
  pathMaps: [{ from: '/data/compose', to: '/srv/manager/compose' }],
});
const refusalOf = (directory: string, stacksDir: string | null = null) =>
  placeRefusal(host(stacksDir), 'shop', directory);

describe('P4 a project directory that arrives cannot become configuration of the host', () => {
  it.each([
    '/etc/systemd/system/ssh.service.d',
    '/etc/cron.d',
    '/usr/local/lib/shop',
    '/home/alice/.config/systemd/user',
    '/home/alice/bin',
    '/home/shop',
    '/root/.ssh',
    '/root',
    '/var/spool/cron/crontabs',
    '/var/lib/docker/volumes/shop',
    '/data/docker/shop',
    '/data/agent/shop',
    '/data',
    '/srv/../etc/cron.d',
    'shop',
  ])('%s is refused', async (directory) => {
    expect(await refusalOf(directory)).toMatch(/./);
  });

  it.each(['/srv/shop', '/opt/shop', '/root/shop', '/home/alice/shop', '/data/shop', '/var/www/shop'])(
    '%s is taken',
    async (directory) => {
      expect(await refusalOf(directory)).toBeNull();
    },
  );

  it('a link on the way counts as where it leads', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'stackferry-place-'));
    onTestFinished(() => rm(dir, { recursive: true }));
    await symlink('/etc', join(dir, 'stacks'));
    expect(await refusalOf(join(dir, 'stacks/shop'))).toMatch(/^what lies in \/etc .*--stacks-dir/);
    expect(await refusalOf(join(dir, 'shop'))).toBeNull();
  });

  it('R19: where labels name a directory of a manager’s container, none arrives', async () => {
    expect(await refusalOf('/data/compose/7')).toMatch(/^it lies in \/data\/compose, .*--map-path/);
    expect(await refusalOf('/data/compose/shop', '/data/compose')).toMatch(/--map-path/);
    expect(await refusalOf('/data/composed/7')).toBeNull();
  });

  it('with --stacks-dir a project arrives there only, and its name cannot lead out', async () => {
    expect(projectPlace(host('/data/stacks'), 'shop', '/etc/x')).toBe('/data/stacks/shop');
    expect(await refusalOf('/data/stacks/shop', '/data/stacks')).toBeNull();
    expect(await refusalOf('/srv/shop', '/data/stacks')).toMatch(/in \/data\/stacks only/);
    const out = projectPlace(host('/data/stacks'), '../agent', '/srv/shop');
    expect(await placeRefusal(host('/data/stacks'), '../agent', out)).toMatch(/is not a Compose project name/);
  });
});
