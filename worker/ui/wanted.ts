import type { MigrationView } from '../../schema/api/migrations.ts';
import { moveOptionsOf } from '../../schema/move-options.ts';
import { consentFields, consentsIn, consentsOf } from './consents.ts';
import { placeField } from './parts/bind-mounts.tsx';
import type { Fields } from './parts/form.tsx';
import { linesIn } from './parts/lines-form.tsx';
import { settingsIn } from './variable-fields.ts';
import type { Wanted } from './views.ts';

/** The options of a migration, from a query or a form. */
export const wantedOf = (fields: URLSearchParams): Wanted => ({
  target: fields.get('target') ?? '',
  from: fields.get('from') || undefined,
  mode: fields.get('mode') ?? 'stop-copy',
  sizing: fields.get('sizing') ?? 'host',
  bandwidth_limit: fields.get('bandwidth_limit')?.trim() ?? '',
  ...consentsIn((name) => fields.get(name)),
  binds: fields.getAll('bind').map((path) => {
    const place = fields.get(placeField(path))?.trim() ?? '';
    return place === '' || place === path ? path : `${path}=${place}`;
  }),
  env: settingsIn(fields),
  exclude: linesIn(fields.get('exclude')),
  cutover_dns: linesIn(fields.get('cutover_dns')),
});

/** What a migration was asked for with; before its report was made, what its record tells. */
export function wantedAgain(migration: MigrationView): Wanted {
  const { target_host_id: target, source_host_id: from, mode, sizing, bandwidth_limit, report } = migration;
  const { binds, env, exclude, cutover_dns, ...options } = report?.inputs ?? moveOptionsOf({});
  const limit = bandwidth_limit === null ? '' : String(bandwidth_limit);
  return {
    ...{ target, from, mode, sizing, bandwidth_limit: limit },
    ...{ binds, env, exclude, cutover_dns },
    ...consentsOf(options),
  };
}

type Part = 'binds' | 'exclude' | 'cutover_dns';

/** The fields that a form hands on, all but `without`, which the form asks for itself. */
export function wantedFields(wanted: Wanted, without: Part | null = null): Fields {
  const { target, mode, sizing, bandwidth_limit, binds, exclude, cutover_dns } = wanted;
  const lines = (name: 'exclude' | 'cutover_dns', given: string[]): Fields =>
    without !== name && given.length > 0 ? [[name, given.join('\n')]] : [];
  return [
    ['target', target],
    ['mode', mode],
    ['sizing', sizing],
    ...(bandwidth_limit === '' ? [] : [['bandwidth_limit', bandwidth_limit] as Fields[number]]),
    ...consentFields(wanted),
    ...wanted.env.map((setting): Fields[number] => ['env', setting]),
    ...(without === 'binds' ? [] : binds.map((choice): Fields[number] => ['bind', choice])),
    ...lines('exclude', exclude),
    ...lines('cutover_dns', cutover_dns),
  ];
}
