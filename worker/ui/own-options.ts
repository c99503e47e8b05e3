import type { Lift } from '../../schema/lift.ts';
import type { Mode } from '../../schema/migration-status.ts';
import { consentsIn } from './consents.ts';
import type { Fields } from './parts/form.tsx';
import { settingsIn } from './variable-fields.ts';

/** The options that a drain's pages have for single stacks, by stack: fields like those of a migration. */
export type OwnOptions = ReadonlyMap<string, Fields>;

const prefix = 'of:';
/** Name of the field of one stack; stacks' names have no colon. */
export const ownField = (stack: string, name: string): string => `${prefix}${stack}:${name}`;

export function ownOptionsIn(fields: URLSearchParams): OwnOptions {
  const own = new Map<string, Fields>();
  for (const [field, value] of fields) {
    const at = field.startsWith(prefix) ? field.indexOf(':', prefix.length) : -1;
    if (at === -1) continue;
    const stack = field.slice(prefix.length, at);
    own.set(stack, [...(own.get(stack) ?? []), [field.slice(at + 1), value]]);
  }
  return own;
}

/** The fields that a form hands on. */
export const ownOptionFields = (own: OwnOptions): Fields =>
  [...own].flatMap(([stack, fields]) => fields.map(([name, value]): Fields[number] => [ownField(stack, name), value]));

export const isChosen = (own: OwnOptions, stack: string, name: string, value: string): boolean =>
  (own.get(stack) ?? []).some((field) => field[0] === name && field[1] === value);

/** What was chosen for a stack; the API judges the values. */
export function chosenFor(own: OwnOptions, stack: string): Lift & { leave?: boolean } {
  const fields = new URLSearchParams([...(own.get(stack) ?? [])]);
  const binds = fields.getAll('bind');
  const variables = settingsIn(fields);
  const mode = fields.get('mode') as Mode | null;
  const on = Object.entries(consentsIn((name) => fields.get(name))).filter(([, given]) => given);
  return {
    ...Object.fromEntries(on),
    ...(binds.length > 0 ? { binds } : {}),
    ...(variables.length > 0 ? { env: variables } : {}),
    ...(mode === null ? {} : { mode }),
    ...(fields.get('leave') === 'on' ? { leave: true } : {}),
  };
}

export const perStackOf = (own: OwnOptions) =>
  Object.fromEntries([...own.keys()].map((stack) => [stack, chosenFor(own, stack)]));
