import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { address } from '../schema/address.ts';
import { byteRate } from '../schema/byte-rate.ts';
import { hostPowers } from '../schema/facts.ts';

const engineConfig = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('docker'),
    socket: z.string(),
    /** The client whose `compose` is run. */
    binary: z.string(),
    /** null for the built-in default. */
    helperImage: z.string().nullable(),
  }),
  z.object({ kind: z.literal('embedded'), root: z.string() }),
]);

export const agentConfig = z.object({
  /** Origin of the control plane. */
  controlUrl: z.url({ protocol: /^https?$/ }),
  joinToken: z.string().min(1).max(200).nullable(),
  /** Absolute; identity, journal and ledger live here. */
  stateDir: z.string(),
  engine: engineConfig,
  /** Where project directories of arriving stacks go; null for the same path as on their source. */
  stacksDir: z.string().nullable(),
  /** Powers beyond the container that arriving stacks may have here. */
  allow: z.array(z.enum(hostPowers)),
  /** Where sources may come to without a relay, and where they find it; null for relays only. */
  direct: z.object({ listen: address, advertise: address.nullable() }).nullable(),
  /** What this host may send, bytes per second, over all its migrations; null for no bound. */
  bandwidthLimit: byteRate.nullable(),
});
/** The address that others are told of. Throws UsageError where nobody could reach it. */
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
  --helper-image IMAGE  image with GNU tar that packs and unpacks volumes
  --stacks-dir DIR      where arriving project directories go (default: the path they had)
  --allow POWER,…       let arriving stacks have these: ${hostPowers.join(', ')}
  --listen HOST:PORT    let sources send straight to this host, past the relay (default: they do not)
  --advertise HOST:PORT where they find it                (default: what it listens on)
  --bandwidth-limit N   bytes per second to send at most, over all migrations: 500K, 20M, 1G
  --embedded-root DIR   the embedded engine's host directory`;

/** Thrown with a message for the terminal. */
export class UsageError extends Error {}

/** Flags win over the environment. Throws UsageError that names the flag. */
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
    bandwidthLimit: flags['bandwidth-limit'] ?? null,
    allow: (flags.allow ?? '').split(',').filter((power) => power !== ''),
  });
  if (!parsed.success) throw new UsageError(explain(parsed.error));
  return parsed.data;
}

function readFlags(argv: string[]) {
  const text = { type: 'string' } as const;
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
        listen: text,
        advertise: text,
        'bandwidth-limit': text,
        'embedded-root': text,
      },
    }).values;
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
}

const flagOf: Record<string, string> = { controlUrl: '--control', joinToken: '--join', allow: '--allow' };

function explain(error: z.ZodError): string {
  return error.issues
    .map((issue) => `${flagOf[String(issue.path[0])] ?? issue.path.join('.')}: ${issue.message}`)
    .join('\n');
}
