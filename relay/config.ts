import { parseArgs } from 'node:util';
import { z } from 'zod';
import { metricsToken, whyNotOpened } from '../node/observe-page.ts';
import { address } from '../schema/address.ts';
import { byteRate } from '../schema/byte-rate.ts';

const relayConfig = z.object({
  controlUrl: z.url({ protocol: /^https?$/ }),
  stateDir: z.string().min(1),
  listen: address.prefault('0.0.0.0:7400'),
  /** Where agents reach this relay; often not the address it listens on. */
  advertise: address,
  /** Serves metrics and health; anything but loopback needs the token. */
  metrics: address.prefault('127.0.0.1:7401'),
  metricsToken: metricsToken.nullable().default(null),
  /** Bytes per second over all sessions; unlimited if omitted. */
  bandwidthLimit: byteRate.optional(),
  /** Only for the first start; the certificate is renewed without it. */
  joinToken: z.string().min(1).optional(),
});
export type RelayConfig = z.infer<typeof relayConfig>;

const flags = {
  control: { type: 'string' },
  state: { type: 'string' },
  listen: { type: 'string' },
  advertise: { type: 'string' },
  metrics: { type: 'string' },
  'status-port': { type: 'string' },
  'bandwidth-limit': { type: 'string' },
  join: { type: 'string' },
} as const;

export const relayUsage = `stackferry relay --control URL --state DIR --advertise HOST:PORT [options]

  --control URL           where the control plane is            STACKFERRY_CONTROL
  --state DIR             keeps key and certificate             STACKFERRY_STATE
  --advertise HOST:PORT   where agents reach this relay         STACKFERRY_ADVERTISE
  --listen HOST:PORT      default 0.0.0.0:7400                  STACKFERRY_LISTEN
  --metrics HOST:PORT     /metrics, /healthz and /readyz:       STACKFERRY_METRICS
                          default 127.0.0.1:7401; any other host needs a token in STACKFERRY_METRICS_TOKEN
  --status-port PORT      the same as --metrics 127.0.0.1:PORT  STACKFERRY_STATUS_PORT
  --bandwidth-limit N     bytes per second in all: 20M, 1G      STACKFERRY_BANDWIDTH_LIMIT
  --join TOKEN            for the first start                   STACKFERRY_JOIN_TOKEN`;

/** Flags, then environment. Throws a message that names each wrong setting, without a token. */
export function readRelayConfig(args: string[], env: Record<string, string | undefined>): RelayConfig {
  const { values } = parseArgs({ args, options: flags, strict: true });
  const of = (flag: keyof typeof flags) => values[flag] ?? env[`STACKFERRY_${flag.toUpperCase().replaceAll('-', '_')}`];
  // Of release 0.1.0: a service that was installed with it must start after an update.
  const statusPort = of('status-port');
  const parsed = relayConfig.safeParse({
    controlUrl: of('control'),
    stateDir: of('state'),
    listen: of('listen'),
    advertise: of('advertise'),
    metrics: of('metrics') ?? (statusPort === undefined ? undefined : `127.0.0.1:${statusPort}`),
    metricsToken: env.STACKFERRY_METRICS_TOKEN,
    bandwidthLimit: of('bandwidth-limit'),
    joinToken: values.join ?? env.STACKFERRY_JOIN_TOKEN,
  });
  const why = parsed.success ? whyNotOpened(parsed.data.metrics, parsed.data.metricsToken) : null;
  if (parsed.success && !why) return parsed.data;
  const wrong = parsed.success
    ? [`--metrics: ${why}`]
    : parsed.error.issues.map((issue) => `${flagOf(String(issue.path[0]))}: ${issue.message}`);
  throw new Error(`${wrong.join('\n')}\n\n${relayUsage}`);
}

function flagOf(name: string): string {
  const known: Record<string, string> = {
    controlUrl: '--control',
    stateDir: '--state',
    joinToken: '--join',
    metricsToken: 'STACKFERRY_METRICS_TOKEN',
  };
  return known[name] ?? `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
