import { type ComposeModel, engineName } from '../../../compose/model.ts';
import type { DockerApi } from '../api.ts';
import { migrationLabel } from '../labels.ts';
import { findVolumes } from '../stack/volumes.ts';

/**
 * The model with each volume that a migration made on this host as it is here: Compose uses what exists, whatever the
 * file says of it, and calling it external does not make it the host owner's.
 */
export async function volumesAsHere(api: DockerApi, model: ComposeModel, project: string): Promise<ComposeModel> {
  const named = Object.entries(model.volumes).map(
    ([key, volume]) => [key, volume, engineName(project, key, volume)] as const,
  );
  const here = await findVolumes(
    api,
    named.map(([, , name]) => name),
  );
  const volumes = named.map(([key, volume, name]) => {
    const made = here.find(({ Name, Labels }) => Name === name && migrationLabel in Labels);
    const asMade = made && { ...volume, name, external: false, driver: made.Driver, driver_opts: made.Options };
    return [key, asMade ?? volume] as const;
  });
  return { ...model, volumes: Object.fromEntries(volumes) };
}
