import { expect, test } from 'vitest';
import { stackSummaries } from '../../../../agent/engine/docker/facts/stack-summaries.ts';
import { engineOf, hostOf } from '../path-maps/fake-host.ts';

const of = (service: string) => ({
  'com.docker.compose.project': 'shop',
  'com.docker.compose.service': service,
  'com.docker.compose.project.working_dir': '/srv/shop',
  'com.docker.compose.project.config_files': '/srv/shop/compose.yaml',
});

test('a job that has ended with 0 is told apart from one that failed, and from what was stopped', async () => {
  const engine = engineOf({
    web: { Labels: of('web'), State: 'running', Status: 'Up 5 minutes' },
    report: { Labels: of('report'), State: 'exited', Status: 'Exited (0) 5 minutes ago' },
    import: { Labels: of('import'), State: 'exited', Status: 'Exited (1) 5 minutes ago' },
    later: { Labels: of('later'), State: 'created', Status: 'Created' },
  });
  const [stack] = await stackSummaries(hostOf(engine));
  const finished = Object.fromEntries(stack!.services.map((service) => [service.name, service.finished]));
  expect(finished).toEqual({ web: 0, report: 1, import: 0, later: 0 });
});
