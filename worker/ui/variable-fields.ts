/** Variables for Compose in forms: `env` for one that is handed on, and a text field for each that is asked for. */

const prefix = 'env:';
export const variableField = (name: string): string => `${prefix}${name}`;

/** The settings of a form or query; what was typed counts more than what was handed on, and empty is not given. */
export function settingsIn(fields: URLSearchParams): string[] {
  const typed = [...fields].filter(([field, value]) => field.startsWith(prefix) && value.trim() !== '');
  const settings = typed.map(([field, value]) => `${field.slice(prefix.length)}=${value.trim()}`);
  const handedOn = fields.getAll('env').filter((one) => !settings.some((other) => nameOf(other) === nameOf(one)));
  return [...handedOn, ...settings];
}

const nameOf = (setting: string) => setting.split('=', 1)[0];
