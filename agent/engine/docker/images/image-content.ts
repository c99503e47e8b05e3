import { createHash } from 'node:crypto';
import { z } from 'zod';

/** What determines how an image runs. Unlike its id, it is equal in every image store. */
export interface ImageContent {
  /** Digests of the layers' contents, lowest first. */
  layers: string[];
  os: string;
  arch: string;
  variant: string;
  config: Record<string, unknown>;
}

/** An image's configuration, as stored in archives. */
const ociConfig = z
  .object({
    os: z.string(),
    architecture: z.string(),
    variant: z.string().default(''),
    config: z.record(z.string(), z.unknown()).nullish(),
    rootfs: z.object({ diff_ids: z.array(z.string()).nullish() }),
  })
  .transform(({ os, architecture, variant, config, rootfs }) => ({
    layers: rootfs.diff_ids ?? [],
    os,
    arch: architecture,
    variant,
    config: config ?? {},
  }));

/** Returns null if it is not an image's configuration. */
export function contentOfConfig(json: unknown): ImageContent | null {
  return ociConfig.safeParse(json).data ?? null;
}

/**
 * Fields of the configuration that a container inherits from its image. Engines add fields of their own, which differ.
 */
const runKeys = [
  'Cmd',
  'Entrypoint',
  'Env',
  'ExposedPorts',
  'Healthcheck',
  'Labels',
  'OnBuild',
  'Shell',
  'StopSignal',
  'User',
  'Volumes',
  'WorkingDir',
];

/** Equal for two images if and only if they run the same, in any image store. */
export function contentDigest({ layers, os, arch, variant, config }: ImageContent): string {
  const run = runKeys.map((key) => [key, withoutEmpty(config[key])]);
  return createHash('sha256')
    .update(JSON.stringify([layers, os, arch, variant, run]))
    .digest('hex');
}

/** Sorts keys and drops what one engine omits and another writes as null, "", [] or {}. */
function withoutEmpty(value: unknown): unknown {
  if (value === null || value === undefined || value === '') return null;
  if (Array.isArray(value)) return value.length === 0 ? null : value;
  if (typeof value !== 'object') return value;
  // The empty value of an exposed port or a volume is significant: only the whole record can be empty.
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? null : entries;
}
