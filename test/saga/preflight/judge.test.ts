import { describe, expect, it } from 'vitest';
import { type CheckName, checkNames } from '../../../schema/preflight-report.ts';
import { judge } from '../../../worker/saga/preflight/judge.ts';
import { sagaPlanOf } from '../../../worker/saga/preflight/plan.ts';
import { mediaMount } from '../../support/media-mount.ts';
import { detailOf, facts, failed, gib, silent, type Well } from './spoilt-facts.ts';

describe('the pre-flight’s judgement', () => {
  it('a cordoned target takes no migration, however well it answers', () => {
    const report = judge(facts((w) => (w.rest.cordoned = true)));
    expect(failed(report)).toEqual(['target_online']);
    expect(report.checks[0]?.measured).toEqual({ code: 'host_cordoned' });
    expect(detailOf(report, 'target_online')).toContain('uncordon');
  });

  it('passes where everything is well, every check by its name and in its order', () => {
    const report = judge(facts());
    expect(failed(report)).toEqual([]);
    expect(report.passed).toBe(true);
    expect(report.checks.map(({ name }) => name)).toEqual([...checkNames]);
  });

  it.each<[string, CheckName, (well: Well) => void, string]>([
    [
      'another migration of the stack is running',
      'no_concurrent',
      (w) => {
        w.rest.running_migration = 'mig_7';
      },
      'mig_7',
    ],
    [
      'the target has less than 1.2 × the source’s used memory',
      'target_capacity',
      (w) => {
        w.target.resources.memory.free_bytes = Math.floor(1.19 * gib);
      },
      '1.2 GiB needed',
    ],
    [
      'the target has less than 1.1 × the source’s used disk',
      'target_disk',
      (w) => {
        w.target.resources.disk.free_bytes = Math.floor(10.9 * gib);
      },
      '11.0 GiB needed',
    ],
    [
      'what another migration was promised leaves too little room',
      'target_capacity',
      (w) => {
        w.rest.reserved.memory_bytes = 6 * gib;
      },
      '1.0 GiB free',
    ],
    [
      'no relay is reached by both hosts',
      'relay_online',
      (w) => {
        w.target.relays[0]!.reachable = false;
      },
      'firewalls',
    ],
    [
      'F29 an image is not found',
      'image_available',
      (w) => {
        w.fit.images = [{ reference: 'shop/web:3', state: 'not_found', detail: '', layers_present: 0 }];
      },
      'shop/web:3 is not found',
    ],
    [
      'F29 the registry wants a login',
      'image_available',
      (w) => {
        w.fit.images = [{ reference: 'shop/web:3', state: 'unauthorized', detail: '', layers_present: 0 }];
      },
      'needs a login',
    ],
    [
      'F29 the registry refuses for now',
      'image_available',
      (w) => {
        w.fit.images = [{ reference: 'shop/web:3', state: 'rate_limited', detail: '', layers_present: 0 }];
      },
      'rate limit',
    ],
    [
      'F29 R28 the tag on the target means another image',
      'image_available',
      (w) => {
        w.fit.images = [{ reference: 'shop/web:3', state: 'differs', detail: '', layers_present: 0 }];
      },
      'shop/web:3 is another image on the target. A tag of the target is never moved',
    ],
    [
      'R17 a digest that the target’s image store can’t keep',
      'image_available',
      (w) => {
        w.fit.images = [
          { reference: 'shop/web@sha256:1', state: 'unreachable', detail: '', layers_present: 0, loadable: false },
        ];
      },
      'let the target reach its registry',
    ],
    [
      'F30 a published port is taken',
      'ports_free',
      (w) => {
        w.fit.ports_taken = [{ name: '8080/tcp', by: 'other' }];
      },
      '8080/tcp (by other)',
    ],
    [
      'F30 whether ports are free could not be told',
      'ports_free',
      (w) => {
        w.fit.ports_taken = null;
      },
      'Could not determine',
    ],
    [
      'P18 R10 a port is published on an address that the target does not have',
      'ports_free',
      (w) => {
        w.fit.addresses_absent = ['10.95.0.2'];
      },
      '10.95.0.2, which no interface of the target has',
    ],
    [
      'P18 R10 a fixed subnet is in use on the target',
      'networks_present',
      (w) => {
        w.fit.network_obstacles = [{ name: 'subnet 10.44.0.0/24 of network shop_n', why: 'network other uses it' }];
      },
      'subnet 10.44.0.0/24 of network shop_n (network other uses it)',
    ],
    [
      'P18 whether the networks can be made could not be told',
      'networks_present',
      (w) => {
        w.fit.network_obstacles = null;
      },
      'Could not determine',
    ],
    [
      'F47 the project name is taken',
      'project_free',
      (w) => {
        w.fit.project_resources = [{ name: 'shop-web-1', by: 'container' }];
      },
      'would take its containers over',
    ],
    [
      'F30 a fixed container name is taken',
      'names_free',
      (w) => {
        w.fit.names_taken = [{ name: 'web', by: 'container' }];
      },
      'Remove what holds the name',
    ],
    [
      'F30 a volume of that name is there',
      'volumes_free',
      (w) => {
        w.fit.volumes_taken = [{ name: 'shop_data', migration_id: null }];
      },
      'never overwritten',
    ],
    [
      'a volume was left by an earlier migration',
      'volumes_free',
      (w) => {
        w.fit.volumes_taken = [{ name: 'shop_data', migration_id: 'mig_3' }];
      },
      'DELETE /api/v1/stacks/shop/migrate/mig_3/target',
    ],
    [
      'an earlier migration keeps the source’s copy there',
      'volumes_free',
      (w) => {
        w.fit.volumes_taken = [{ name: 'shop_data', migration_id: 'mig_1' }];
        w.rest.kept = 'DELETE /api/v1/stacks/shop/migrate/mig_3/source';
      },
      'DELETE /api/v1/stacks/shop/migrate/mig_3/source',
    ],
    [
      'the project directory’s place is taken',
      'path_free',
      (w) => {
        w.fit.path.free = false;
        w.fit.path.detail = 'it exists.';
      },
      '/srv/shop on the target: it exists.',
    ],
    [
      'an external network is absent',
      'networks_present',
      (w) => {
        w.fit.networks_absent = ['edge'];
      },
      'edge',
    ],
    [
      'a device is absent',
      'devices_present',
      (w) => {
        w.fit.devices_absent = ['/dev/dri'];
      },
      '/dev/dri',
    ],
    [
      'the images are made for another architecture',
      'platform_match',
      (w) => {
        w.target.engine.arch = 'arm64';
      },
      'nginx:1 (amd64)',
    ],
    [
      'only one engine remaps user namespaces',
      'engine_compatible',
      (w) => {
        w.target.engine.userns_remap = true;
      },
      'owners would come out wrong',
    ],
    [
      'P20 both engines remap user namespaces',
      'engine_compatible',
      (w) => {
        w.source.engine.userns_remap = true;
        w.target.engine.userns_remap = true;
      },
      'could not be kept',
    ],
    [
      'P20 only one engine is rootless',
      'engine_compatible',
      (w) => {
        w.source.engine.rootless = true;
      },
      'rootless',
    ],
    [
      'P20 a GPU cannot be had on the target',
      'devices_present',
      (w) => {
        w.fit.devices_absent = ['gpu (could not select device driver "")'];
      },
      'could not select device driver',
    ],
    [
      'R29 the disk that holds the target’s volumes is too small',
      'target_disk',
      (w) => {
        w.target.resources.disk = { path: '/mnt/volumes', total_bytes: gib, used_bytes: 0, free_bytes: gib };
      },
      'No space on "new": /mnt/volumes: 11.0 GiB needed',
    ],
    [
      'R29 images are on another disk, which is too small for them',
      'target_disk',
      (w) => {
        w.target.image_disk = { path: '/var/lib/docker', free_bytes: gib };
        w.fit.images = [{ ...w.fit.images[0]!, state: 'pullable' }];
        w.stack.services = w.stack.services.map((s) => ({ ...s, image: { ...s.image, size_bytes: 2 * gib } }));
      },
      'No space on "new": /var/lib/docker: images need 2.0 GiB, 1.0 GiB free',
    ],
    [
      'R29 images share the volumes’ disk, which holds the volumes alone',
      'target_disk',
      (w) => {
        w.rest.inputs.sizing = 'stack';
        w.stack.usage.disk_bytes = gib;
        w.target.resources.disk.free_bytes = 2 * gib;
        w.fit.images = [{ ...w.fit.images[0]!, state: 'pullable' }];
        w.stack.services = w.stack.services.map((s) => ({ ...s, image: { ...s.image, size_bytes: 2 * gib } }));
      },
      "the stack's 3.0 GiB",
    ],
    [
      'R29 the disk that the project directory comes to is too small for it',
      'path_free',
      (w) => {
        w.stack.project_files.size_bytes = gib;
        w.fit.path.free_bytes = gib;
      },
      '/srv/shop: the project directory needs',
    ],
    [
      'R29 the room for the project directory is not known',
      'path_free',
      (w) => {
        w.fit.path.free_bytes = null;
      },
      'could not be measured',
    ],
    [
      'the helper image is missing',
      'helper_ready',
      (w) => {
        w.target.helper.ready = false;
      },
      '--helper-image',
    ],
    [
      'B36 a file of the stack lies outside its project directory',
      'compose_supported',
      (w) => {
        w.stack = {
          ...w.stack,
          project_files: { size_bytes: 1, outside: ['/etc/shop.env'], absolute_links: [], exclusion: null },
        };
      },
      '/etc/shop.env lies outside',
    ],
    [
      'B36 the compose file includes a remote one',
      'compose_supported',
      (w) => {
        w.stack = { ...w.stack, remote_includes: ['https://example.com/compose.yaml'] };
      },
      'included from elsewhere',
    ],
    [
      'a volume has a remote driver',
      'compose_supported',
      (w) => {
        w.stack.volumes[0]!.driver = 'rclone';
      },
      'remote driver rclone',
    ],
    [
      'a volume is an NFS mount',
      'compose_supported',
      (w) => {
        w.stack.volumes[0]!.options = { type: 'nfs', o: 'addr=192.0.2.7', device: ':/x' };
      },
      'on a network file system (:/x)',
    ],
    [
      'another stack uses a volume too',
      'compose_supported',
      (w) => {
        w.stack.volumes[0]!.also_used_by = ['blog'];
      },
      'also used by blog',
    ],
    [
      'an anonymous volume holds data',
      'compose_supported',
      (w) => {
        w.stack = { ...w.stack, anonymous_volumes: [{ name: 'x', service: 'db', size_bytes: 5, move: null }] };
      },
      '"accept_unmoved": true',
    ],
    [
      'the file on disk is not what runs',
      'config_current',
      (w) => {
        w.stack = {
          ...w.stack,
          drift: { current: false, detail: 'web would be recreated.', services: ['web'], as_written: null },
        };
      },
      'web would be recreated',
    ],
    [
      'B38 the stack wants a power that the target does not allow',
      'policy_allows',
      (w) => {
        w.fit.powers_refused = [{ service: 'agent', power: 'docker_socket', detail: '/var/run/docker.sock' }];
      },
      '--allow docker_socket',
    ],
    [
      'R16 the owner of the target may allow it, by a command that is there to be pasted',
      'policy_allows',
      (w) => {
        w.fit.powers_refused = [{ service: 'agent', power: 'docker_socket', detail: '/run/docker.sock' }];
        w.fit.allow_line = 'stackferry agent allow shop --from host_a docker_socket';
      },
      'run as root on new: `stackferry agent allow shop --from host_a docker_socket`',
    ],
    [
      'R16 a source of the previous release can’t prove whose the stack is',
      'policy_allows',
      (w) => {
        w.stack.names_itself = false;
        w.fit.powers_refused = [{ service: 'agent', power: 'devices', detail: '/dev/kvm' }];
      },
      '--allow devices to let it in. Update the source’s agent',
    ],
    [
      'R16 what its owner allowed can’t be read',
      'policy_allows',
      (w) => {
        w.fit.powers_refused = [{ service: 'agent', power: 'devices', detail: '/dev/kvm' }];
        w.fit.permissions_fault = '/state/allowed.json is damaged.';
      },
      '/state/allowed.json is damaged. Start its agent with --allow devices',
    ],
    [
      'F38 a clock is hours off',
      'clocks_agree',
      (w) => {
        w.source.now_ms += 3 * 3_600_000;
      },
      'off by 10800 s',
    ],
  ])('fails when %s', (_, name, spoil, words) => {
    const report = judge(facts(spoil));
    expect(failed(report)).toEqual([name]);
    expect(report.passed).toBe(false);
    expect(detailOf(report, name)).toContain(words);
  });

  it('F10 a host that does not answer fails by its own check, and what depends on it is skipped', () => {
    const { target: _, ...rest } = facts();
    const report = judge({ ...rest, target: silent, fit: silent });
    expect(failed(report)).toEqual(['target_online']);
    expect(report.checks.filter(({ status }) => status === 'skipped').length).toBeGreaterThan(5);
    const gone = judge({ ...facts(), source: silent, stack: silent });
    expect(failed(gone)).toContain('source_online');
    expect(failed(gone)).toContain('source_metrics');
    expect(gone.passed).toBe(false);
  });

  it('sizes by the stack where that is asked for, and shows both pairs of numbers either way', () => {
    const small = (w: Well) => {
      w.target.resources.memory.free_bytes = Math.floor(1.5 * gib);
      w.source.resources.memory.used_bytes = 2 * gib;
    };
    expect(failed(judge(facts(small)))).toEqual(['target_capacity']);
    const report = judge(
      facts((w) => {
        small(w);
        w.rest.inputs.sizing = 'stack';
      }),
    );
    expect(report.passed).toBe(true);
    expect(report.checks.find(({ name }) => name === 'target_capacity')?.measured).toMatchObject({
      source_host_used_bytes: 2 * gib,
      source_stack_used_bytes: gib,
    });
  });

  const bound = (exists: boolean, link: string | null = null) =>
    facts((w) => {
      w.stack = { ...w.stack, bind_mounts: [{ ...mediaMount, link }] };
      w.fit.bind_mounts = [{ path: '/srv/media', exists }];
    });

  it('notes a bind mount outside the project that is there on the target, and lets it pass', () => {
    const report = judge(bound(true));
    expect(report.passed).toBe(true);
    expect(report.notes).toEqual([expect.stringMatching(/\/srv\/media .*exists on the target/)]);
  });

  it('an attribute that the target can’t judge is named, with the flag that lets it in', () => {
    const report = judge(
      facts((w) => {
        w.fit.keys_refused = [{ service: 'web', key: 'models' }];
      }),
    );
    expect(failed(report)).toEqual(['policy_allows']);
    expect(detailOf(report, 'policy_allows')).toMatch(/models of service web.*--allow-key models/);
  });

  it('P13: a bind mount that is absent on the target fails, since the stack would start on an empty directory', () => {
    const refused = judge(bound(false));
    expect(failed(refused)).toEqual(['compose_supported']);
    expect(detailOf(refused, 'compose_supported')).toMatch(
      /\/srv\/media .*absent on the target.*"accept_unmoved": true/,
    );
    const accepted = bound(false);
    accepted.inputs.accept_unmoved = true;
    expect(judge(accepted).passed).toBe(true);
    expect(detailOf(judge(accepted), 'compose_supported')).toContain('/srv/media');
  });

  it('R4: a link of the project directory that leads out of it is judged as the bind mount that it leads to', () => {
    const report = judge(bound(false, '/srv/shop/data'));
    expect(failed(report)).toEqual(['compose_supported']);
    expect(detailOf(report, 'compose_supported')).toContain('/srv/media (by the link /srv/shop/data)');
  });

  const withData = (found: Partial<NonNullable<Well['stack']['data']>>) =>
    judge(
      facts((w) => {
        w.stack.data = { nested_mounts: [], immutable: [], unseen: [], writers: [], ...found };
      }),
    );

  it('P1 R3: a mount below a volume, and another device without a mount, are named', () => {
    const report = withData({
      nested_mounts: [
        { tree: 'volume shop_media', path: 'cold', kind: 'nfs4' },
        { tree: '/srv/shop', path: 'data/sub', kind: 'device' },
      ],
    });
    expect(failed(report)).toEqual(['compose_supported']);
    expect(detailOf(report, 'compose_supported')).toMatch(
      /cold in volume shop_media.*nfs4.*data\/sub in \/srv\/shop is another device/,
    );
  });

  it('P1: data that could not be looked at, or that an older agent did not look at, does not pass', () => {
    const report = withData({ unseen: [{ tree: 'volume shop_media', why: 'no such image' }] });
    expect(detailOf(report, 'compose_supported')).toContain('volume shop_media could not be looked at (no such image)');
    expect(failed(judge(facts((w) => (w.stack.data = null))))).toEqual(['compose_supported']);
  });

  it('P2 R7: who else runs and can write the data is named: a one-off run, and a stranger’s container', () => {
    const writer = (container: string, over: object) => ({
      container,
      uses: 'shop_db',
      above: false,
      one_off: false,
      ...over,
    });
    const report = withData({ writers: [writer('shop-db-run-1', { one_off: true }), writer('backup', {})] });
    expect(failed(report)).toEqual(['compose_supported']);
    expect(detailOf(report, 'compose_supported')).toMatch(/shop-db-run-1 .*docker compose run.*backup .*uses shop_db/);
    const above = withData({ writers: [writer('sync', { above: true, uses: '/srv' })] });
    expect(above.passed).toBe(true);
    expect(above.notes).toEqual([expect.stringMatching(/sync can write to \/srv/)]);
  });

  it('R35: files that are immutable are named, since the flag does not travel', () => {
    const report = withData({ immutable: [{ tree: 'volume shop_db', path: 'pg_hba.conf' }] });
    expect(report.passed).toBe(true);
    expect(report.notes).toEqual([expect.stringMatching(/chattr.* pg_hba.conf in volume shop_db/)]);
  });

  it('R38: a link by absolute path is refused where the project directory gets another place, and only there', () => {
    const linked = (place: string) =>
      judge(
        facts((w) => {
          w.stack.project_files = { ...w.stack.project_files, absolute_links: ['/srv/shop/app.env'] };
          w.fit.project_path = place;
        }),
      );
    expect(linked('/srv/shop').passed).toBe(true);
    expect(detailOf(linked('/data/shop'), 'compose_supported')).toContain(
      '/srv/shop/app.env is a link by absolute path',
    );
  });

  it('P20 P24 R12: says before anything stops what goes otherwise: hooks, networks, files, labels, runtimes', () => {
    const report = judge(
      facts((w) => {
        w.stack.services = [{ ...w.stack.services[0]!, name: 'web', stop_hooks: true }];
        w.stack.joined_networks = [
          { service: 'web', number: 1, network: 'front', aliases: [] },
          { service: 'web', number: 1, network: 'old', aliases: [] },
        ];
        w.fit.joined_absent = ['old'];
        w.stack.other_files = [{ container: 'shop-web-1', files: ['/srv/shop/old.yaml'] }];
        w.source.engine.selinux = true;
        w.source.engine.default_runtime = 'runsc';
      }),
    );
    expect(report.passed).toBe(true);
    expect(report.notes).toEqual([
      expect.stringMatching(/^Service web has pre_stop hooks, which are not run/),
      expect.stringMatching(/^Network front, .* is connected again on the target/),
      expect.stringMatching(/^Network old, .* is not on the target, .*: create it first/),
      expect.stringMatching(
        /^Container shop-web-1 was made from \/srv\/shop\/old.yaml; the stack moves as compose.yaml says/,
      ),
      expect.stringMatching(/^SELinux labels of files stay behind: the target has no SELinux/),
      expect.stringMatching(/by "runsc" on "old" and by "runc" on "new"/),
    ]);
    expect(judge(facts()).notes).toEqual([]);
  });

  it('R33: tells what a service is before the move, which is what it is judged by afterwards', () => {
    const report = judge(
      facts((w) => {
        const service = w.stack.services[0]!;
        w.stack.services = [
          service,
          { ...service, name: 'off', running: 0, unwell: 'stopped' },
          { ...service, name: 'held', unwell: 'paused' },
          { ...service, name: 'sick', unwell: 'unhealthy' },
          { ...service, name: 'loop', unwell: 'restarting' },
          { ...service, name: 'job', running: 0, one_shot: true },
          { ...service, name: 'unused', running: 0, replicas: 0, unwell: 'stopped' },
        ];
      }),
    );
    expect(report.passed).toBe(true);
    expect(report.notes).toEqual([
      expect.stringMatching(/^Service off is stopped on the source: .* stays stopped/),
      expect.stringMatching(/^Service held is paused on the source/),
      expect.stringMatching(/^Service sick is unhealthy on the source already/),
      expect.stringMatching(/^Service loop crashes again and again on the source already/),
      expect.stringMatching(/^Service job has exited, so it counts as a one-off job/),
    ]);
  });

  it('says once that a host did not answer a question, not with every check that needs the answer', () => {
    const late = { ok: false as const, why: 'it did not answer in time', offline: true };
    const unread = judge({ ...facts(), stack: late, fit: late });
    expect(failed(unread)).toEqual(['config_current']);
    expect(detailOf(unread, 'config_current')).toContain('could not be read on the source: it did not answer in time');
    const unexamined = judge({ ...facts(), fit: late });
    expect(failed(unexamined)).toEqual(['engine_compatible']);
    expect(unexamined.passed).toBe(false);
  });

  it('R32: says how long a slow healthcheck may take, and the plan gives it that time', () => {
    const slow = facts((w) => {
      w.stack.services = [{ ...w.stack.services[0]!, name: 'slow', health_wait_s: 990 }];
    });
    expect(judge(slow).notes).toEqual([expect.stringContaining('service slow may take 17 minutes')]);
    if (!slow.stack.ok || !slow.fit.ok || !slow.source.ok || !slow.target.ok) throw new Error('all hosts answer');
    const hosts = { source: slow.source.data, target: slow.target.data };
    expect(sagaPlanOf(slow.stack.data, slow.fit.data, hosts, slow.inputs)).toMatchObject({
      health_wait_s: 990,
      start_wait_s: 990,
    });
    const tooSlow = facts((w) => {
      w.stack.services = [{ ...w.stack.services[0]!, name: 'slow', health_wait_s: 7_200 }];
    });
    expect(judge(tooSlow).notes).toEqual([expect.stringContaining('120 minutes to decide: the verification waits 60')]);
  });

  it('digests contents by what both agents know', () => {
    const both = facts();
    if (!both.stack.ok || !both.fit.ok || !both.source.ok || !both.target.ok) throw new Error('all hosts answer');
    const hosts = { source: both.source.data, target: both.target.data };
    const digest = () => sagaPlanOf(movedStack, fit, hosts, both.inputs).content_digest;
    const [movedStack, fit] = [both.stack.data, both.fit.data];
    expect(digest()).toBe('gmac');
    hosts.target.engine.content_digest = 'sha256';
    expect(digest()).toBe('sha256');
  });
});
