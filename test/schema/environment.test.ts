import { describe, expect, it } from 'vitest';
import { deployment } from '../../schema/deployment.ts';
import { variables, variablesIn } from '../../schema/environment.ts';
import { limits } from '../../schema/limits.ts';
import { moveOptionsOf } from '../../schema/move-options.ts';

const isTaken = (env: string[]) => {
  try {
    return moveOptionsOf({ env }).env.length === env.length;
  } catch {
    return false;
  }
};

describe('R9: variables for Compose', () => {
  it('are names with values, which may be empty or hold an equals sign', () => {
    expect(isTaken(['HOME=/home/ann', '_a1=', 'OPTS=a=b c'])).toBe(true);
    expect(variablesIn(['HOME=/a', 'OPTS=a=b', 'HOME=/b', 'E='])).toEqual({ HOME: '/b', OPTS: 'a=b', E: '' });
  });

  it.each([
    'COMPOSE_PROJECT_NAME=x',
    'COMPOSE_=x',
    'DOCKER_HOST=tcp://x',
    'LD_PRELOAD=/x',
    'LD_LIBRARY_PATH=/x',
    'PATH=/x',
    'BUILDX_BUILDER=x',
    'GODEBUG=x',
    '1HOME=x',
    'HO ME=x',
    'HÖME=x',
    '-S=x',
    '=x',
    'HOME',
    '',
    'HOME=a\nb',
    'HOME=a\0b',
    'HOME\n=x',
    `${'N'.repeat(129)}=x`,
    `HOME=${'x'.repeat(4_096)}`,
  ])('are refused where they could change how Compose runs, or are none: %j', (setting) => {
    expect(isTaken([setting])).toBe(false);
  });

  it('are bounded in number', () => {
    const many = Array.from({ length: limits.api.variablesMax + 1 }, (_, n) => `V${n}=x`);
    expect(isTaken(many)).toBe(false);
    expect(isTaken(many.slice(1))).toBe(true);
    // With what the agent finds out.
    const all = { ...variablesIn(many.slice(1)), HOME: '/home/ann', PWD: '/srv' };
    expect(variables.safeParse(all).success).toBe(true);
    expect(variables.safeParse({ ...all, MORE: '' }).success).toBe(false);
  });

  it('are no way for another host to choose a program of this one', () => {
    const made = { ...{ project: 'shop', source_dir: '/s', target_dir: '/t', config_files: [], env_files: [] } };
    const lists = { services: [], one_shots: [] };
    const taken = (environment: Record<string, string>) =>
      deployment.safeParse({ ...made, ...lists, environment }).success;
    expect(taken({ HOME: '/home/ann', PWD: '/srv' })).toBe(true);
    for (const name of ['LD_PRELOAD', 'PATH', 'DOCKER_CONFIG', 'A=B', '']) expect(taken({ [name]: '/x' })).toBe(false);
  });
});
