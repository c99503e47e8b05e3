import { Option } from 'commander';
import type { Lift } from '../schema/lift.ts';
import type { Consent } from '../schema/move-options.ts';

const descriptions: Record<Consent, string> = {
  accept_unmoved:
    'proceed although bind mounts are absent on the target, or an older agent can’t move anonymous volumes: they start empty',
  accept_drift: 'move what the files say although the containers were made from something else',
  forward:
    'hold new connections to the source from the stop on, and pass them on to the target while the window is open',
  hold: 'with --mode pre-copy: copy, then wait for a cutover while passes keep the copy near to the running stack',
  with_external:
    'also move external volumes that no other stack uses, and make external networks that the target lacks',
  with_registry_auth:
    'pull images that need a login with the source’s: it goes to the target’s agent alone and is not kept; root there could read it',
};
const names = Object.keys(descriptions) as Consent[];

export const flagOf = (name: string): string => `--${name.replaceAll('_', '-')}`;

/** The options of a migration that are a yes or a no, as flags. */
export const consentFlags = (): Option[] => names.map((name) => new Option(flagOf(name), descriptions[name]));

/** The request's fields, from what Commander parsed. */
export const consentsIn = (parsed: object): Record<Consent, boolean> =>
  Object.fromEntries(names.map((name) => [name, new Option(flagOf(name)).attributeName() in parsed])) as Record<
    Consent,
    boolean
  >;

/** A way that lifts a refusal names a variable without its value. */
export const toBeFilledIn = (setting: string): string => (setting.includes('=') ? setting : `${setting}=…`);

/** The flags for options that are given. */
export const flagsFor = ({ mode, sizing, binds = [], env = [], exclude = [], ...others }: Lift): string[] => [
  ...(mode === undefined ? [] : ['--mode', mode]),
  ...(sizing === undefined ? [] : ['--sizing', sizing]),
  ...binds.flatMap((choice) => ['--bind', choice]),
  ...env.flatMap((setting) => ['--env', toBeFilledIn(setting)]),
  ...exclude.flatMap((pattern) => ['--exclude', pattern]),
  ...(others.proxy_protocol ?? []).flatMap((port) => ['--proxy-protocol', `${port}`]),
  ...(others.cutover_dns ?? []).flatMap((name) => ['--on-cutover-dns', name]),
  ...names.filter((name) => others[name]).map(flagOf),
];

/** The yes-or-no options of these ways, with what they mean. */
export const consequencesOf = (ways: readonly Lift[]): [flag: string, means: string][] =>
  names.filter((name) => ways.some((way) => way[name])).map((name) => [flagOf(name), descriptions[name]]);
