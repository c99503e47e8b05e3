import type { Compared } from './compared.ts';
import { comparedFields } from './fields.ts';
import { recordOf } from './values.ts';

/** Attributes that leave no trace in a container, or are covered by others. */
const notOfContainer: ReadonlySet<string> = new Set([
  ...['annotations', 'attach', 'build', 'configs', 'depends_on', 'deploy', 'develop', 'env_file', 'expose'],
  ...['external_links', 'label_file', 'links', 'logging', 'network_mode', 'platform', 'post_start', 'pre_start'],
  ...['pre_stop', 'profiles', 'pull_policy', 'pull_refresh_after', 'scale', 'secrets', 'volumes_from', 'environment'],
]);

export interface Differences {
  /** Attributes in which file and container differ; of the environment the names, never a value. */
  differs: string[];
  /** Attributes of the file that can't be compared with a container. */
  unknown: string[];
}

/** Compares a container with what its service in the file would create now. */
export function differencesOf(compared: Compared): Differences {
  const { service } = compared;
  const fields = Object.entries(comparedFields).flatMap(([name, field]) => {
    const [written, made] = field(compared);
    return JSON.stringify(written) === JSON.stringify(made) ? [] : [name];
  });
  const variables = variablesThatDiffer(compared);
  const known = (key: string) => key in comparedFields || notOfContainer.has(key) || key.startsWith('x-');
  return {
    differs: [...fields, ...(variables.length > 0 ? [`environment (${variables.join(', ')})`] : [])],
    unknown: Object.keys(service).filter((key) => service[key] !== null && !known(key)),
  };
}

function variablesThatDiffer({ service, container, image }: Compared): string[] {
  const ofList = (list: string[]) =>
    Object.fromEntries(
      list.flatMap((entry) => {
        const [name = '', ...rest] = entry.split('=');
        return rest.length > 0 ? [[name, rest.join('=')]] : [];
      }),
    );
  const written = Object.entries(recordOf(service.environment)).filter(([, value]) => value !== null);
  const wanted: Record<string, string> = { ...ofList(image?.Env ?? []) };
  for (const [name, value] of written) wanted[name] = String(value);
  const made: Record<string, string> = ofList(container.Config.Env);
  return [...new Set([...Object.keys(wanted), ...Object.keys(made)])]
    .filter((name) => wanted[name] !== made[name])
    .sort();
}
