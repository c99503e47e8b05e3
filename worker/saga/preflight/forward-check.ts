import { limits } from '../../../schema/limits.ts';
import type { Fit } from './fit.ts';
import { forwardedPorts } from './plan.ts';
import { type CheckResult, fail, list } from './verdicts.ts';

/** Null if no connections are to be forwarded, or they can be. */
export function forwardRefusal({ options, stack, sourceHost, targetHost, names }: Fit): CheckResult | null {
  const { forward, proxy_protocol } = options;
  if (!forward)
    return proxy_protocol.length === 0 ? null : fail('Only forwarded connections get a PROXY header: add "forward".');
  const ports = forwardedPorts(stack);
  const isTcp = (port: number) => ports.some((published) => published.port === port && published.protocol === 'tcp');
  const foreign = proxy_protocol.filter((port) => !isTcp(port));
  if (foreign.length > 0)
    return fail(`The stack publishes no TCP port ${list(foreign.map(String))} that could get a PROXY header.`);
  if (ports.length > limits.forward.portsMax)
    return fail(`The stack publishes ${ports.length} ports; at most ${limits.forward.portsMax} can be forwarded.`);
  const [here, there] = [sourceHost.forwarding, targetHost.forwarding];
  if (here === null || there === null) {
    const old = here === null ? names.source : names.target;
    return fail(`The agent of "${old}" can’t forward connections: update it, or migrate without "forward".`);
  }
  if (!here.ok) return fail(`"${names.source}" can’t forward connections: ${here.detail}`);
  const overIpv6 = ports.filter(({ host_ip }) => host_ip === '' || host_ip.includes(':'));
  if (here.ipv6 === null || overIpv6.length === 0) return null;
  const published = list([...new Set(overIpv6.map(({ port }) => String(port)))]);
  return fail(
    `"${names.source}" can’t forward connections over IPv6, at which the stack publishes ${published}: ${here.ipv6}`,
  );
}
