import { describe, expect, it } from 'vitest';
import { plainContainers, stackNameOf } from '../../../../agent/engine/docker/adoption/plain-containers.ts';

const container = (name: string, labels: Record<string, string> = {}, state = 'running') => ({
  Id: `id-${name}`,
  Names: [`/${name}`],
  Image: 'shop:1',
  State: state,
  Labels: labels,
  Ports: [],
  Mounts: [],
});

describe('containers that Compose did not make', () => {
  it('are listed under names that no project and no other has', () => {
    const all = [
      container('Web.1'),
      container('web-1'),
      container('blog'),
      container('blog-app-1', { 'com.docker.compose.project': 'blog' }),
    ];
    const names = [...plainContainers(all, null)].map(([name, { Names }]) => [name, Names[0]]);
    expect(names).toEqual([
      ['web-1', '/Web.1'],
      ['blog-2', '/blog'],
      ['web-1-2', '/web-1'],
    ]);
  });

  it('are not the agent, its helpers, those of other managers, and those that have ended', () => {
    const all = [
      container('agent'),
      container('helper', { 'dev.stackferry.helper': 'pack' }),
      container('guard', { 'dev.stackferry.guard': '/var/lib/stackferry' }),
      container('task', { 'com.docker.swarm.service.id': 's' }),
      container('ended', {}, 'exited'),
    ];
    expect([...plainContainers(all, 'id-agent').keys()]).toEqual([]);
  });

  it('get names that Compose takes', () => {
    expect(['My_App', '_x', 'a.b-c', '9'].map(stackNameOf)).toEqual(['my_app', 'c_x', 'a-b-c', '9']);
  });
});
