import { describe, expect, it } from 'vitest';
import { composeModel } from '../../../../agent/compose/model.ts';
import { findBinds } from '../../../../agent/engine/docker/facts/bind-mounts.ts';
import { portsAsWritten } from '../../../../agent/engine/docker/facts/published-ports.ts';
import { containerAnswer } from '../../../../agent/engine/docker/stack/containers.ts';

const directory = '/nowhere/shop';
const volume = (source: string, target: string) => ({ type: 'bind', source, target });
const model = (volumes: object[], more: object = {}) =>
  composeModel.parse({ name: 'shop', services: { web: { volumes, ...more } } });
const container = (...mounts: [string, string][]) =>
  containerAnswer.parse({
    Id: 'c1',
    Name: '/shop-web-1',
    Image: 'sha256:1',
    RestartCount: 0,
    State: { Status: 'running', ExitCode: 0, StartedAt: '' },
    Config: { Image: 'app:1', Labels: { 'com.docker.compose.service': 'web' } },
    HostConfig: { RestartPolicy: { Name: 'no', MaximumRetryCount: 0 } },
    NetworkSettings: {},
    Mounts: mounts.map(([Source, Destination]) => ({ Type: 'bind', Source, Destination, RW: true })),
  });
const sources = (mounts: { source: string }[]) => mounts.map(({ source }) => source);

describe('the bind mounts of a stack', () => {
  it('are those of its containers while these are what the file says', async () => {
    const found = await findBinds([container(['/srv/a', '/a'])], model([]), new Set(), directory);
    expect(sources(found.binds)).toEqual(['/srv/a']);
    expect(found.dropped).toEqual([]);
    expect([...found.unmounted]).toEqual([]);
  });

  it('P19: are those of the file for a service that drifted, with what came and what went', async () => {
    const made = container(['/srv/a', '/a'], ['/srv/old', '/old'], ['/nowhere/shop/own', '/own']);
    const file = model([volume('/srv/a/', '/a'), volume('/srv/new', '/new')]);
    const found = await findBinds([made], file, new Set(['web']), directory);
    expect(sources(found.binds)).toEqual(['/srv/a', '/nowhere/shop/own', '/srv/new']);
    expect(sources(found.dropped)).toEqual(['/srv/old']);
    expect([...found.unmounted]).toEqual(['/srv/new']);
  });

  it('R18: are also the volumes whose options bind a path', async () => {
    const made = container(['/srv/a', '/a']);
    const source = '/var/lib/docker/volumes/shop_media/_data';
    made.Mounts.push({ Type: 'volume', Name: 'shop_media', Source: source, Destination: '/media', RW: true });
    const bound = new Map([['shop_media', { device: '/srv/media', key: 'media' }]]);
    const found = await findBinds([made], model([]), new Set(), directory, bound);
    expect(sources(found.binds)).toEqual(['/srv/a', '/srv/media']);
    expect(found.binds[1]).toMatchObject({ target: '/media', volume: { name: 'shop_media', key: 'media' } });
  });

  it('P19: of another service’s container are not taken for dropped', async () => {
    const found = await findBinds(
      [container(['/srv/a', '/a'])],
      model([], { volumes_from: ['db'] }),
      new Set(['web']),
      directory,
    );
    expect(sources(found.binds)).toEqual(['/srv/a']);
  });
});

it('P19: ports of a service that drifted are those of the file', () => {
  const ports = [{ target: 80, published: '8080-8081', host_ip: '10.0.0.1' }, { target: 81 }];
  const [web] = Object.values(composeModel.parse({ name: 'x', services: { web: { ports } } }).services);
  expect(portsAsWritten(web!)).toEqual([
    { host_ip: '10.0.0.1', port: 8080, protocol: 'tcp' },
    { host_ip: '10.0.0.1', port: 8081, protocol: 'tcp' },
  ]);
});
