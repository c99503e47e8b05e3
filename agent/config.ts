import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { metricsToken, whyNotOpened } from '../node/observe-page.ts';
import { address } from '../schema/address.ts';
import { byteRate } from '../schema/byte-rate.ts';
import { hostPrivileges } from '../schema/facts.ts';
import { type PathMap, parsePathMap } from './path-map.ts';

const engineConfig = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('docker'),
    socket: z.string(),
    /** The docker client that provides `compose`. */
    binary: z.string(),
    /** Null if the agent finds or builds one. */
    helperImage: z.string().nullable(),
  }),
  z.object({ kind: z.literal('embedded'), root: z.string() }),
]);

const publicAddresses = z
  .array(
    z.string().refine((text) => isIP(text) > 0 && !/^(0\.0\.0\.0|127\..*|::1?)$/.test(text), {
      error: 'is a list of IP addresses at which clients find this host',
    }),
  )
  .refine((all) => new Set(all.map(isIP)).size === all.length, { error: 'takes one address of each family' });

export const agentConfig = z.object({
  controlUrl: z.url({ protocol: /^https?$/ }),
  joinToken: z.string().min(1).max(200).nullable(),
  /** Absolute path of identity, journal and ledger. */
  stateDir: z.string(),
  engine: engineConfig,
  /** Parent of arriving project directories; null for the same path as on their source. */
  stacksDir: z.string().nullable(),
  /** Privileges beyond the container that arriving stacks may have here. */
  allow: z.array(z.enum(hostPrivileges)),
  /** Attributes of services that arriving stacks may have though this agent can't judge them. */
  allowKeys: z.array(z.string()),
  /** Directories of managers' containers that labels name, and where this host has them. */
  pathMaps: z
    .array(z.object({ from: z.string(), to: z.string() }))
    .refine((maps) => new Set(maps.map(({ from }) => from)).size === maps.length, {
      error: 'names one directory twice',
    }),
  /** A fixed address for transfers without a relay, and the one that sources dial; null for none. */
  direct: z.object({ listen: address, advertise: address.nullable() }).nullable(),
  /** Opens a port for the sources of migrations to this host, while there are any. */
  opensPort: z.boolean(),
  /** Serves metrics and health; anything but loopback needs the token. Null for no port. */
  metrics: address.nullable(),
  metricsToken: metricsToken.nullable(),
  /** Where clients find this host: at most one address of each family. */
  publicAddresses,
  /** A file with the token by which DNS records are changed; null for none. */
  cloudflareTokenFile: z.string().nullable(),
  /** Bytes per second that this host may send, over all its migrations; null for no limit. */
  bandwidthLimit: byteRate.nullable(),
  /** Whether the control plane may upgrade this agent: if an operator asks, or also by itself. */
  upgrade: z.enum(['never', 'asked', 'auto']),
  /** Where the launcher of install.sh looks for programs; null if this agent was not started by it. */
  programsDir: z.string().nullable(),
});
/** Returns the address that other hosts dial. Throws UsageError if none could be dialed. */
export function advertisedOf({ listen, advertise }: NonNullable<AgentConfig['direct']>, port: number) {
  if (advertise) return advertise;
  if (['0.0.0.0', '::'].includes(listen.host))
    throw new UsageError('--listen on all addresses needs --advertise HOST:PORT: where do others find this host?');
  return { host: listen.host, port };
}
export type AgentConfig = z.infer<typeof agentConfig>;

export const agentUsage = `stackferry agent --control URL [--join TOKEN] [options]

  --control URL         the control plane
  --join TOKEN          join token, for the first start (or STACKFERRY_JOIN_TOKEN)
  --state DIR           identity, journal, records        (default ~/.stackferry/agent)
  --engine KIND         docker or embedded                (default docker)
  --docker-socket PATH  (default /var/run/docker.sock)
  --docker-binary PATH  the docker client with compose    (default docker)
  --helper-image IMAGE  image that packs and unpacks volumes: GNU tar, find and coreutils, awk, perl
                        (default: the agent makes one)
  --stacks-dir DIR      where arriving project directories go (default: the path they had)
  --allow POWER,…       let arriving stacks have these: ${hostPrivileges.join(', ')}
  --allow-key KEY,…     let arriving services have these attributes, which this agent does not know
  --map-path FROM=TO    stacks whose labels name FROM, a directory in their manager's container, have their files at TO of
                        this host; repeatable (default: found by the mounts of containers)
  --listen HOST:PORT    where sources send straight to this host, past the relay (default: a port that the system chooses,
                        open while migrations to this host are under way)
  --no-listen           open no port: everything through the relay
  --advertise HOST:PORT where they find it                (default: what it listens on)
  --bandwidth-limit N   bytes per second to send at most, over all migrations: 500K, 20M, 1G
  --metrics HOST:PORT   serve /metrics, /healthz and /readyz there, for example at 127.0.0.1:7402; any host but loopback
                        needs a token in STACKFERRY_METRICS_TOKEN    (default: no port)
  --public-address IP,… where clients find this host, one IPv4 and one IPv6 address at most: for migrations that point names
                        at it
  --cloudflare-token-file FILE
                        the token by which they do: it may edit the DNS of those zones. It stays on this host
  --auto-update         let the control plane upgrade this agent by itself, while it is idle
  --no-upgrade          take no program from the control plane (default: only if an operator asks)
  --embedded-root DIR   the embedded engine's host directory

stackferry agent allow, allowed, disallow: what single stacks may have on this host, see stackferry agent allow --help`;

/** Its message is for the terminal. */
export class UsageError extends Error {}

/** Flags take precedence over the environment. Throws UsageError with the flag's name. */
export function parseAgentConfig(argv: string[], env: NodeJS.ProcessEnv): AgentConfig {
  const flags = readFlags(argv);
  const kind = flags.engine ?? 'docker';
  if (kind !== 'docker' && kind !== 'embedded') throw new UsageError(`--engine is docker or embedded, not "${kind}"`);
  if (kind === 'embedded' && !flags['embedded-root'])
    throw new UsageError('--engine embedded needs --embedded-root DIR');
  if (!flags.control) throw new UsageError('--control URL is missing: where is the control plane?');
  const parsed = agentConfig.safeParse({
    controlUrl: flags.control,
    joinToken: flags.join ?? env.STACKFERRY_JOIN_TOKEN ?? null,
    stateDir: resolve(flags.state ?? join(homedir(), '.stackferry', 'agent')),
    engine:
      kind === 'embedded'
        ? { kind, root: resolve(flags['embedded-root'] ?? '') }
        : {
            kind,
            socket: flags['docker-socket'] ?? '/var/run/docker.sock',
            binary: flags['docker-binary'] ?? 'docker',
            helperImage: flags['helper-image'] ?? null,
          },
    stacksDir: flags['stacks-dir'] ? resolve(flags['stacks-dir']) : null,
    direct: flags.listen ? { listen: flags.listen, advertise: flags.advertise ?? null } : null,
    opensPort: !flags['no-listen'],
    metrics: flags.metrics ?? null,
    metricsToken: env.STACKFERRY_METRICS_TOKEN ?? null,
    publicAddresses: namesIn(flags['public-address']),
    cloudflareTokenFile: flags['cloudflare-token-file'] ? resolve(flags['cloudflare-token-file']) : null,
    bandwidthLimit: flags['bandwidth-limit'] ?? null,
    upgrade: flags['no-upgrade'] ? 'never' : flags['auto-update'] ? 'auto' : 'asked',
    programsDir: env.STACKFERRY_PROGRAMS ?? null,
    allow: namesIn(flags.allow),
    allowKeys: namesIn(flags['allow-key']),
    pathMaps: (flags['map-path'] ?? []).map(pathMapIn),
  });
  if (!parsed.success) throw new UsageError(explain(parsed.error));
  if (flags.listen && flags['no-listen']) throw new UsageError('--listen and --no-listen contradict each other');
  const { metrics, metricsToken } = parsed.data;
  const why = metrics && whyNotOpened(metrics, metricsToken);
  if (why) throw new UsageError(`--metrics: ${why}`);
  return parsed.data;
}

const namesIn = (list = ''): string[] => list.split(',').filter((name) => name !== '');

function pathMapIn(text: string): PathMap {
  const map = parsePathMap(text);
  if (!map) throw new UsageError(`--map-path is FROM=TO, two absolute paths without "." and "..", not "${text}"`);
  return map;
}

function readFlags(argv: string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: argv,
      options: {
        control: text,
        join: text,
        state: text,
        engine: text,
        'docker-socket': text,
        'docker-binary': text,
        'helper-image': text,
        'stacks-dir': text,
        allow: text,
        'allow-key': text,
        'map-path': { type: 'string', multiple: true },
        listen: text,
        advertise: text,
        metrics: text,
        'bandwidth-limit': text,
        'public-address': text,
        'cloudflare-token-file': text,
        'embedded-root': text,
        'no-listen': flag,
        'auto-update': flag,
        'no-upgrade': flag,
      },
    }).values;
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
}

const flagOf: Record<string, string> = {
  controlUrl: '--control',
  joinToken: '--join',
  allow: '--allow',
  pathMaps: '--map-path',
  metrics: '--metrics',
  metricsToken: 'STACKFERRY_METRICS_TOKEN',
  publicAddresses: '--public-address',
};

function explain(error: z.ZodError): string {
  return error.issues
    .map((issue) => `${flagOf[String(issue.path[0])] ?? issue.path.join('.')}: ${issue.message}`)
    .join('\n');
}
