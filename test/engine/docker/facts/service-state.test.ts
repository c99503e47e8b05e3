import { expect, it } from 'vitest';
import { healthWaitOf, startWaitMs, unwellStateOf } from '../../../../agent/engine/docker/facts/service-state.ts';
import { containerAnswer } from '../../../../agent/engine/docker/stack/containers.ts';

const second = 1_000_000_000;

function container(status: string, health?: string, healthcheck?: object) {
  return containerAnswer.parse({
    Id: 'c',
    Name: '/p-web-1',
    Image: 'sha256:1',
    RestartCount: 0,
    State: { Status: status, ExitCode: 0, StartedAt: 't', ...(health ? { Health: { Status: health } } : {}) },
    Config: { Image: 'web', Healthcheck: healthcheck },
    HostConfig: { RestartPolicy: { Name: 'no', MaximumRetryCount: 0 } },
    NetworkSettings: {},
  });
}

it.each([
  ['the defaults', {}, 180],
  ['an interval of five minutes', { Interval: 300 * second }, 990],
  ['a start period', { StartPeriod: 600 * second, Interval: 5 * second, Timeout: 2 * second, Retries: 10 }, 670],
])('R32: how long a healthcheck takes to decide follows the file: %s', (_, healthcheck, seconds) => {
  expect(healthWaitOf(container('running', 'starting', { Test: ['CMD', 'true'], ...healthcheck }))).toBe(seconds);
});

it('R32: a start in which each waits for the one before may take the time of all, up to an hour', () => {
  const slow = container('created', undefined, { Interval: 300 * second });
  expect(startWaitMs([slow, container('created'), slow])).toBe(2 * 990_000);
  expect(startWaitMs([slow, slow, slow, slow])).toBe(3_600_000);
});

it('R32: without a healthcheck there is nothing to wait for', () => {
  expect(healthWaitOf(container('running'))).toBeNull();
});

it.each([
  [['running'], null],
  [['running', 'exited'], null],
  [['exited'], 'stopped'],
  [['created'], 'stopped'],
  [['paused'], 'paused'],
  [['running', 'restarting'], 'restarting'],
])('R33: a service whose containers are %j is %s', (states, unwell) => {
  expect(
    unwellStateOf(
      states.map((state) => container(state)),
      false,
    ),
  ).toBe(unwell);
});

it('R33: an unhealthy service is distinguished from a healthy one, and a finished job from a stopped one', () => {
  expect(unwellStateOf([container('running', 'healthy'), container('running', 'unhealthy')], false)).toBe('unhealthy');
  expect(unwellStateOf([container('running', 'starting')], false)).toBeNull();
  expect(unwellStateOf([container('exited')], true)).toBeNull();
});
