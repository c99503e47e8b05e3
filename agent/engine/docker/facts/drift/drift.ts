import type { ComposeProject } from '../../../../compose/arguments.ts';
import { type ComposeModel, engineName } from '../../../../compose/model.ts';
import { type Compose, configHashes, readWholeServices } from '../../../../compose/project.ts';
import type { DockerApi } from '../../api.ts';
import { findImage } from '../../images/images.ts';
import { composeLabels } from '../../labels.ts';
import type { Container } from '../../stack/containers.ts';
import { serviceOf } from '../../stack/containers.ts';
import { differencesOf } from './differences.ts';
import { imageConfiguration, type MadeContainer, type ModelNames, madeContainer } from './made-from.ts';

export interface DriftFacts {
  api: DockerApi;
  compose: Compose;
  project: ComposeProject;
  model: ComposeModel;
  /** Only containers of services that the file has. */
  containers: Container[];
}

export interface Drift {
  current: boolean | null;
  detail: string;
  /** Services whose containers were not made from what the file says now, or can't be compared with it. */
  services: ReadonlySet<string>;
}

/**
 * Checks whether containers match the file: by Compose's config hash on them and, if that differs (it also does for
 * another version of Compose), attribute by attribute. Only reads the live stack. An unknown result does not count as
 * current.
 */
export async function driftOf(facts: DriftFacts, signal: AbortSignal): Promise<Drift> {
  const { containers } = facts;
  try {
    const hashes = await configHashes(facts.compose, facts.project, signal);
    const suspects = containers.filter(
      ({ Config }) => Config.Labels[composeLabels.configHash] !== hashes[serviceOf({ Config })],
    );
    const [images, fields] = await Promise.all([imageDrift(facts), fieldDrift(facts, suspects, signal)]);
    const differs = [...images, ...fields.differs];
    const { unset } = facts.model;
    const advice = `Not set on this host: ${unset.join(', ')}; what the stack needs of them belongs into ${facts.project.directory}/.env.`;
    const detailOf = (found: string[]) => unique(unset.length > 0 ? [...found, advice] : found).join(' ');
    const { services } = fields;
    if (differs.length > 0) return { current: false, detail: detailOf(differs), services };
    if (fields.unknown.length > 0) return { current: null, detail: detailOf(fields.unknown), services };
    return { current: true, detail: '', services };
  } catch (error) {
    const services = new Set(containers.map(serviceOf));
    return { current: null, detail: (error as Error).message, services };
  }
}

const unique = (items: string[]) => [...new Set(items)];

/** Compose's name for the image of a service with `build` and without `image`. */
export const builtName = (project: string, service: string) => `${project}-${service}`;

/** Finds image names that are gone or refer to another image by now: a new container would not run the same image. */
async function imageDrift({ api, project, model, containers }: DriftFacts): Promise<string[]> {
  const found = await Promise.all(
    containers.map(async ({ Image, Config }) => {
      const service = serviceOf({ Config });
      const written = model.services[service]?.image;
      if (written !== undefined && written !== Config.Image) return [];
      const reference = written ?? builtName(project.project, service);
      const named = await findImage(api, reference);
      if (named?.Id === Image) return [];
      const restore = reference.includes('@')
        ? `"docker pull ${reference}"`
        : `"docker tag ${Image.replace('sha256:', '').slice(0, 12)} ${reference}"`;
      if (named)
        return [
          `${reference} names another image now than the one that ${service} runs: ${restore} gives the name back.`,
        ];
      return [`The image that ${service} runs has lost its name ${reference}: ${restore} gives it back.`];
    }),
  );
  return found.flat();
}

async function fieldDrift(
  facts: DriftFacts,
  suspects: Container[],
  signal: AbortSignal,
): Promise<{ differs: string[]; unknown: string[]; services: Set<string> }> {
  if (suspects.length === 0) return { differs: [], unknown: [], services: new Set() };
  const services = await readWholeServices(facts.compose, facts.project, signal);
  const names = namesOf(facts);
  const found = await Promise.all(
    suspects.map(async ({ Id, Config }) => {
      const service = serviceOf({ Config });
      const container = await facts.api.get(`/containers/${Id}/json`, madeContainer);
      const image = await imageOf(facts.api, container, suspects);
      const { differs, unknown } = differencesOf({ service: services[service] ?? {}, container, image, names });
      const madeBy = Config.Labels[composeLabels.version] ?? 'another version';
      return {
        services: differs.length + unknown.length > 0 ? [service] : [],
        differs: differs.length > 0 ? [`${service} differs in ${differs.join(', ')}.`] : [],
        unknown:
          unknown.length > 0
            ? [`${service} was made by Compose ${madeBy}, and can’t be compared by ${unknown.join(', ')}.`]
            : [],
      };
    }),
  );
  return {
    differs: found.flatMap(({ differs }) => differs),
    unknown: found.flatMap(({ unknown }) => unknown),
    services: new Set(found.flatMap(({ services }) => services)),
  };
}

async function imageOf(api: DockerApi, { Id }: MadeContainer, suspects: Container[]) {
  const id = suspects.find((container) => container.Id === Id)?.Image ?? '';
  return (await api.find(`/images/${encodeURIComponent(id)}/json`, imageConfiguration))?.Config ?? null;
}

function namesOf({ project, model, containers }: DriftFacts): ModelNames {
  const named = (items: Record<string, { name?: string | undefined } | null>) =>
    Object.fromEntries(Object.entries(items).map(([key, item]) => [key, engineName(project.project, key, item)]));
  const files = (items: ComposeModel['configs']) =>
    Object.fromEntries(Object.entries(items).map(([key, item]) => [key, item?.file ?? null]));
  return {
    volumes: named(model.volumes),
    networks: named(model.networks),
    files: { configs: files(model.configs), secrets: files(model.secrets) },
    containersOf: (service) => containers.filter(({ Config }) => serviceOf({ Config }) === service).map(({ Id }) => Id),
  };
}
