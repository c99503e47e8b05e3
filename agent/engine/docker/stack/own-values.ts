import { z } from 'zod';
import type { DockerApi } from '../api.ts';

const settings = z.object({
  Env: z.array(z.string()).nullish(),
  Cmd: z.array(z.string()).nullish(),
  Entrypoint: z.array(z.string()).nullish(),
});
const container = z.object({ Image: z.string(), Config: settings });
const image = z.object({ Config: settings.nullish() });

/** Shorter ones would garble the text, except where the name says that it is a secret. */
const lengthMin = 6;
const secretLengthMin = 3;
const secretName = /pass|pwd|secret|token|key|credential|auth/i;

/**
 * What a container was given in its environment and arguments, and its image does not have: passwords among it. Longest
 * first, so that no part of one stays. What it reads from files is not known.
 */
export async function ownValues(api: DockerApi, id: string): Promise<string[]> {
  const { Image, Config } = await api.get(`/containers/${id}/json`, container);
  const known = (await api.find(`/images/${encodeURIComponent(Image)}/json`, image))?.Config ?? {};
  const given = (key: keyof z.infer<typeof settings>) =>
    (Config[key] ?? []).filter((text) => !(known[key] ?? []).includes(text));
  const values = [...given('Env'), ...given('Cmd').flatMap(partsOf), ...given('Entrypoint').flatMap(partsOf)].flatMap(
    valuesOf,
  );
  return [...new Set(values)].toSorted((a, b) => b.length - a.length);
}

/** A shell's line has its words quoted or not; `--requirepass hunter2` may be one argument or two. */
const partsOf = (argument: string) => [argument, ...argument.split(/[\s'"]+/)];

/** Of `NAME=VALUE`, or of a value alone: itself, its lines, and the password in an address. */
function valuesOf(text: string): string[] {
  const [, name = '', value = text] = /^([\w.-]+)=([\s\S]*)$/.exec(text) ?? [];
  const least = secretName.test(name) ? secretLengthMin : lengthMin;
  const whole = [value, ...value.split('\n')].map((one) => one.trim()).filter(({ length }) => length >= least);
  const [, password = ''] = /:\/\/[^:@/\s]*:([^@/\s]*)@/.exec(value) ?? [];
  return [...whole, ...[password, decoded(password)].filter(({ length }) => length >= secretLengthMin)];
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
