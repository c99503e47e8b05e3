import type { StackFacts } from '../../../../../schema/facts.ts';
import type { ComposeModel } from '../../../../compose/model.ts';
import type { DockerApi } from '../../api.ts';
import { findImage } from '../../images/images.ts';
import { type Container, serviceOf } from '../../stack/containers.ts';
import type { FoundBinds } from '../bind-mounts.ts';
import type { FoundVolumes } from '../stack-volumes.ts';

type AsWritten = NonNullable<StackFacts['drift']['as_written']>;

export interface WrittenFacts {
  api: DockerApi;
  model: ComposeModel;
  containers: Container[];
  /** Services whose containers are not what the file says. */
  drifted: ReadonlySet<string>;
  volumes: FoundVolumes;
  binds: FoundBinds;
}

/** What it means to move what the file says instead of what runs. */
export async function asWritten(facts: WrittenFacts): Promise<AsWritten> {
  const { volumes, binds } = facts;
  return {
    stays: [
      ...binds.dropped.map(({ source, service }) => `bind mount ${source} of service ${service}`),
      ...volumes.dropped.map((name) => `volume ${name}`),
    ],
    obstacles: [...(await imagesAbsent(facts)), ...volumesAbsent(facts)],
  };
}

async function imagesAbsent({ api, model, containers, drifted }: WrittenFacts): Promise<string[]> {
  const found = await Promise.all(
    [...drifted].map(async (service) => {
      const reference = model.services[service]?.image;
      const runs = containers.some((one) => serviceOf(one) === service && one.Config.Image === reference);
      // One that runs has only lost its name, and gets it on the target.
      if (reference === undefined || runs || (await findImage(api, reference))) return [];
      return [`${service} wants the image ${reference}, which the source does not have: pull it there`];
    }),
  );
  return found.flat();
}

const volumesAbsent = ({ model, drifted, volumes: { named, external } }: WrittenFacts): string[] =>
  [...drifted].flatMap((service) =>
    (model.services[service]?.volumes ?? []).flatMap(({ type, source = '' }) => {
      const name = model.volumes[source]?.name ?? source;
      const absent = type === 'volume' && external.has(name) && !named.some(({ Name }) => Name === name);
      return absent ? [`${service} wants the external volume ${name}, which the source does not have`] : [];
    }),
  );
