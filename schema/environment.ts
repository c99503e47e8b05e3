import { z } from 'zod';
import { limits } from './limits.ts';

/** Variables of the shell that runs Compose, which its files use. */

/** They change how Compose, Docker or the programs they start run, and so what a host runs as root. */
const reserved = /^(COMPOSE_|DOCKER_|BUILDKIT_|BUILDX_|MOBY_|OTEL_|LD_|PATH$|GODEBUG$|GLIBC_TUNABLES$|GCONV_PATH$)/;
const { variableCharsMax, variableNameCharsMax, variablesMax } = limits.api;

const isFree = (name: string) =>
  name.length <= variableNameCharsMax && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !reserved.test(name);

/** The name of a variable that may be given to Compose on a host. */
export const variableName = z.string().refine(isFree, {
  error:
    'Use letters, digits and "_" for a variable’s name; COMPOSE_*, DOCKER_*, LD_*, PATH and the like can’t be given.',
});

/** Those that agents find out are added to the given ones: `HOME` and `PWD`. */
const allMax = variablesMax + 2;

/** By name. Another host sends them: a name that is not free must never reach Compose. */
export const variables = z
  .record(variableName, z.string().max(variableCharsMax))
  .refine((all) => Object.keys(all).length <= allMax, { error: `At most ${allMax} variables.` });

/** `NAME=VALUE`. */
const setting = z
  .string()
  .max(variableCharsMax)
  .refine((text) => isFree(nameIn(text)) && /^[^=]+=[^\0\r\n]*$/.test(text), {
    error:
      'Use NAME=VALUE on one line, with letters, digits and "_" in the name; COMPOSE_*, DOCKER_*, LD_*, PATH and the like can’t be given.',
  })
  .describe('`NAME=VALUE`.');

export const settings = z.array(setting).max(variablesMax);

export const nameIn = (text: string): string => text.split('=', 1)[0] ?? '';

/** By name; of two for one name the later counts. */
export const variablesIn = (given: readonly string[]): Record<string, string> =>
  Object.fromEntries(given.map((text) => [nameIn(text), text.slice(nameIn(text).length + 1)]));
