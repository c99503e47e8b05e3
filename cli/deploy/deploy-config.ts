/** Paths and database id of one deployment. */
export interface DeployedParts {
  /** The Worker, bundled into one module. */
  main: string;
  assets: string;
  migrations: string;
  /** Null for a dry run, which has no account. */
  databaseId: string | null;
}

/** Returns wrangler.toml with the paths and the id of one deployment. Throws if a line to replace is missing. Pure. */
export function deployConfig(toml: string, { main, assets, migrations, databaseId }: DeployedParts): string {
  const name = line('database_name', 'stackferry');
  const settings: [RegExp, string][] = [
    [/^main = .*$/m, line('main', main)],
    [/^directory = .*$/m, line('directory', assets)],
    [/^migrations_dir = .*$/m, line('migrations_dir', migrations)],
    [/^database_name = .*$/m, databaseId === null ? name : `${name}\n${line('database_id', databaseId)}`],
  ];
  return settings.reduce((text, [place, by]) => {
    if (!place.test(text)) throw new Error(`wrangler.toml has no line ${place}`);
    return text.replace(place, () => by);
  }, toml);
}

/** A JSON string is also a TOML string. */
const line = (key: string, value: string) => `${key} = ${JSON.stringify(value)}`;

export const nameIn = (toml: string): string => settingOf(toml, /^name = "(.+)"$/m);
export const queueIn = (toml: string): string => settingOf(toml, /^queue = "(.+)"$/m);

function settingOf(toml: string, place: RegExp): string {
  const found = place.exec(toml)?.[1];
  if (!found) throw new Error(`wrangler.toml has no line ${place}`);
  return found;
}
