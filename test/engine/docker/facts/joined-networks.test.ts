import { expect, it } from 'vitest';
import { composeModel } from '../../../../agent/compose/model.ts';
import { joinedNetworks } from '../../../../agent/engine/docker/facts/joined-networks.ts';
import { projectOrigin } from '../../../../agent/engine/docker/facts/project-origin.ts';
import { projectPaths } from '../../../../agent/engine/docker/path-maps/project-paths.ts';
import { type Container, containerAnswer } from '../../../../agent/engine/docker/stack/containers.ts';
import { engineOf, hostOf } from '../path-maps/fake-host.ts';

const label = (name: string) => `com.docker.compose.${name}`;
const container = (service: string, networks: object, labels: Record<string, string> = {}): Container =>
  containerAnswer.parse({
    Id: `${service}0123456789abcdef`,
    Name: `/shop-${service}-1`,
    Image: 'sha256:1',
    RestartCount: 0,
    State: { Status: 'running', ExitCode: 0, StartedAt: '' },
    Config: { Image: 'app', Labels: { [label('service')]: service, [label('container-number')]: '2', ...labels } },
    HostConfig: { RestartPolicy: { Name: 'no', MaximumRetryCount: 0 }, PortBindings: {} },
    NetworkSettings: { Networks: networks },
  });

it('R12: networks that the file does not name are told from its own, each with its names in them', () => {
  const model = composeModel.parse({
    name: 'shop',
    services: {
      web: { networks: { default: null, edge: null } },
      vpn: { network_mode: 'host' },
      plain: {},
    },
    networks: {
      default: { name: 'shop_default' },
      edge: { name: 'edge', external: true },
      back: { name: 'shop_back' },
    },
  });
  const own = { shop_default: {}, edge: null };
  const joined = joinedNetworks(
    'shop',
    [
      container('web', { ...own, front: { Aliases: ['shopfront', 'web0123456'] }, shop_back: { Aliases: null } }),
      container('vpn', { host: {} }),
      container('plain', { shop_default: {} }),
    ],
    model,
  );
  expect(joined).toEqual([
    { service: 'web', number: 2, network: 'front', aliases: ['shopfront'] },
    { service: 'web', number: 2, network: 'shop_back', aliases: [] },
  ]);
});

it('P24: where containers of one project were made from other files, most of them say what the stack is', async () => {
  const made = (service: string, files: string) =>
    container(service, {}, { [label('project.working_dir')]: '/srv/shop', [label('project.config_files')]: files });
  const [both, one] = ['/srv/shop/compose.yaml,/srv/shop/prod.yaml', '/srv/shop/compose.yaml'];
  const containers = [made('old', one), made('web', both), made('db', both)];
  const { project, otherFiles } = await projectOrigin('shop', containers, projectPaths(hostOf(engineOf())));
  expect(project.configFiles).toEqual(['/srv/shop/compose.yaml', '/srv/shop/prod.yaml']);
  expect(otherFiles).toEqual([{ container: 'shop-old-1', files: ['/srv/shop/compose.yaml'] }]);
});
