import { z } from 'zod';
import { name } from './fact-values.ts';
import { limits } from './limits.ts';

/** What a source says of its login for an image's registry; the login itself goes to the target alone. */
export const loginStates = [
  /** The registry gives the image for it. */
  'accepted',
  'refused',
  /** The registry gives the source the image without one: a target that says otherwise gets none. */
  'unneeded',
  /** The source can't reach the registry. */
  'unverified',
  'none',
  /** The Docker configuration, or its credential helper, could not be read. */
  'unreadable',
] as const;
export const imageLogin = z.object({ reference: name, state: z.enum(loginStates), detail: name });
export type ImageLogin = z.infer<typeof imageLogin>;

const secret = z.string().max(limits.agent.registrySecretCharsMax);

/** A login as the Engine takes it. `registry`: a host, with its port if it has one. */
export const registryLogin = z.object({
  registry: z.string().min(1).max(300),
  username: z.string().max(1_000),
  password: secret,
  /** In place of a password. */
  identity_token: secret.nullable(),
});
export type RegistryLogin = z.infer<typeof registryLogin>;

/** What the lane of the logins carries, from agent to agent: JSON, padded with spaces. */
export const sentLogins = z.object({
  /** Random: both hosts record a digest of the lane, which must not be one of the logins alone. */
  salt: z.string(),
  logins: z.array(registryLogin).max(limits.agent.registryLoginsMax),
});
