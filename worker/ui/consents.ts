import type { Consent } from '../../schema/move-options.ts';

export type Consents = Record<Consent, boolean>;

/** The options of a migration that are a yes or a no, in the words of the pages. */
export const consents: Record<Consent, { label: string; hint: string }> = {
  forward: {
    label: 'Forward connections from the old host',
    hint: 'New connections to its published TCP ports wait during the downtime, then go on to the new host until the safety window ends.',
  },
  hold: {
    label: 'Hold, and cut over when I say',
    hint: 'With “Copy first, then stop”: the copy is kept near to the running stack, and nothing stops until you cut over.',
  },
  with_external: {
    label: 'Move external volumes and networks too',
    hint: 'Volumes that no other stack uses; networks are made as on the source. Otherwise the target must have them.',
  },
  with_registry_auth: {
    label: 'Pull images with the source’s registry logins',
    hint: 'Those that the target can’t pull without. A login goes to the target’s agent alone and is not kept; root there could read it.',
  },
  accept_unmoved: {
    label: 'Proceed although some data is left behind',
    hint: 'Bind mounts that the target lacks start empty, and so do anonymous volumes that an older agent can’t move.',
  },
  accept_drift: {
    label: 'Move what the files say',
    hint: 'Although the containers were made from something else: the target runs the new, a rollback brings back the old.',
  },
};

export const consentNames = Object.keys(consents) as Consent[];

/** Reads the checkboxes of a form or query. */
export const consentsIn = (text: (name: Consent) => string | null | undefined): Consents =>
  Object.fromEntries(consentNames.map((name) => [name, text(name) === 'on'])) as Consents;

export const consentsOf = (from: Consents): Consents => consentsIn((name) => (from[name] ? 'on' : null));

/** The fields that a form hands on; what is off is absent, as browsers do it. */
export const consentFields = (from: Consents): [string, string][] =>
  consentNames.flatMap((name): [string, string][] => (from[name] ? [[name, 'on']] : []));
