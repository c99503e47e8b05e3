import { z } from 'zod';
import { bindChoice } from './bind-choice.ts';
import { cutoverNames } from './cutover-names.ts';
import { settings } from './environment.ts';
import { excludePatterns } from './exclude-pattern.ts';
import { portNumber } from './fact-values.ts';
import { limits } from './limits.ts';

/** What a migration may do beyond moving what is the stack's alone: options of a migration, and of each of a drain's. */
export const moveOptions = z.object({
  accept_unmoved: z
    .boolean()
    .default(false)
    .describe(
      'Proceed although bind mounts are absent on the target, or an older agent leaves anonymous volumes behind.',
    ),
  accept_drift: z
    .boolean()
    .default(false)
    .describe('Move what the files say although the containers were made from something else.'),
  binds: z
    .array(bindChoice)
    .max(limits.api.bindChoicesMax)
    .default([])
    .describe('Bind mounts outside the project directory whose data moves too.'),
  cutover_dns: cutoverNames
    .default([])
    .describe(
      'DNS records at Cloudflare, each as `ZONE/NAME`, that the target’s agent points at the target once the migration is completed, and back after a rollback.',
    ),
  exclude: excludePatterns.describe(
    'Paths that stay, in the project directory and in the bind mounts that move. A named volume moves whole.',
  ),
  forward: z
    .boolean()
    .default(false)
    .describe(
      'New connections to the source’s published TCP ports wait from the stop on, and are passed on to the target once the stack is verified there, until the safety window ends. Those that are open at the stop end with it. Datagrams to UDP ports are passed on from then, and are lost until then.',
    ),
  hold: z
    .boolean()
    .default(false)
    .describe(
      'Pre-copy only: once everything is copied the migration stays in `holding`, where passes go on and nothing is stopped, until it is cut over.',
    ),
  proxy_protocol: z
    .array(portNumber)
    .max(limits.forward.portsMax)
    .default([])
    .describe(
      'With `forward`: published ports whose app reads the PROXY protocol (version 2), which tells it the client’s address. Others see the target host as their client.',
    ),
  with_external: z
    .boolean()
    .default(false)
    .describe(
      'External volumes move too, unless another stack uses them or the target has one of that name; external networks that the target lacks are made there.',
    ),
  with_registry_auth: z
    .boolean()
    .default(false)
    .describe(
      'Images that the target can’t pull without a login are pulled with the source’s. It goes from agent to agent and is not kept; root on the target could read it.',
    ),
  env: settings
    .default([])
    .describe(
      'Variables of the shell that started the stack, where its files use them and nothing else tells their values. Not for secrets: those belong into a file of the project.',
    ),
});
export type MoveOptions = z.infer<typeof moveOptions>;
/** Names of the options that are a yes or a no. */
export type Consent = Exclude<keyof MoveOptions, 'binds' | 'cutover_dns' | 'env' | 'exclude' | 'proxy_protocol'>;

/** The options alone, of a request or a record that has them among its fields. */
export const moveOptionsOf = (fields: z.input<typeof moveOptions>): MoveOptions => moveOptions.parse(fields);

type Changes<S> = { [K in keyof S]: S[K] extends z.ZodDefault<infer T> ? z.ZodOptional<T> : never };

/** The same options without defaults: those that differ from what was asked for. */
export const changedOptions = Object.fromEntries(
  Object.entries(moveOptions.shape).map(([name, option]) => [
    name,
    option
      .unwrap()
      .optional()
      .describe(option.description ?? ''),
  ]),
) as Changes<typeof moveOptions.shape>;
