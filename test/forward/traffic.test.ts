import { describe, expect, it } from 'vitest';
import { createTraffic } from '../../agent/forward/traffic.ts';

describe('the traffic to an old address', () => {
  it('is counted per minute and port', () => {
    let now = 0;
    const traffic = createTraffic(['*:80', '*:443'], () => now);
    for (let second = 0; second < 90; second++) {
      now = second * 1000;
      traffic.record('*:80', '192.0.2.1');
    }
    const [http, https] = traffic.report().ports;
    expect(http).toMatchObject({ port: '*:80', total: 90, idle_ms: 0 });
    expect(http!.per_minute).toBeGreaterThanOrEqual(55);
    expect(http!.per_minute).toBeLessThanOrEqual(60);
    expect(https).toEqual({ port: '*:443', per_minute: 0, total: 0, idle_ms: null });
    now += 24 * 3_600_000;
    expect(traffic.report().ports[0]).toMatchObject({ per_minute: 0, total: 90, idle_ms: 24 * 3_600_000 });
  });

  it('names the busiest sources, in a table of bounded size', () => {
    const traffic = createTraffic(['*:80'], () => 0);
    for (let index = 0; index < 5_000; index++) {
      traffic.record('*:80', `2001:db8::${index.toString(16)}`);
      if (index % 10 === 0) traffic.record('*:80', '192.0.2.9');
    }
    const { sources } = traffic.report();
    expect(sources).toHaveLength(10);
    expect(sources[0]).toMatchObject({ address: '192.0.2.9', total: 500 });
  });
});
