import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeFileAtomically } from '../../../../node/atomic-file.ts';
import { StackferryError } from '../../../../schema/errors.ts';
import { limits } from '../../../../schema/limits.ts';
import { type Compose, readModel } from '../../../compose/project.ts';
import { isStackName } from '../../../permissions/allow-line.ts';
import { realOf } from '../../../real-path.ts';
import type { DockerApi } from '../api.ts';
import { driftOf } from '../facts/drift/drift.ts';
import { engineInfo } from '../facts/engine-info.ts';
import { composeLabels } from '../labels.ts';
import { protectedBy } from '../policy/protected-paths.ts';
import { inspectAll, listContainers, nameOf } from '../stack/containers.ts';
import { findVolumes } from '../stack/volumes.ts';
import { type Adoptable, adoptable, adoptableImage, withoutDefaults } from './adoptable.ts';
import { type AdoptedStack, composeFileName, labelsOf, readAdopted, writeAdopted } from './adopted-file.ts';
import { isPlainContainer, stackNameOf } from './plain-containers.ts';
import { namedVolumes } from './written-mounts.ts';
import { writtenProject } from './written-project.ts';

export interface Adoption {
  stack: string;
  containers: Adoptable[];
  /** The Compose file, with the values of environment variables. */
  text: string;
  /** What the file can't say, or says otherwise than the containers are. */
  losses: string[];
}

interface AdoptionContext {
  api: DockerApi;
  compose: Compose;
  stateDir: string;
}

/**
 * Describes containers by a Compose file, and has Compose read it: what it would make is compared with them. Changes
 * nothing. Throws StackferryErrors that say why a container can't become a stack.
 */
export async function describeContainers(
  context: AdoptionContext,
  names: string[],
  named: string | null,
  signal: AbortSignal,
): Promise<Adoption> {
  const { api } = context;
  if (names.length > limits.agent.adoptedContainersMax)
    throw refusal(`More than ${limits.agent.adoptedContainersMax} containers are too many for one stack.`);
  const containers = await Promise.all([...new Set(names)].map((name) => findAdoptable(api, name)));
  const stack = named ?? stackNameOf(containers[0] ? nameOf(containers[0]) : '');
  await assertFree(context, stack);
  const described = await Promise.all(
    containers.map(async (container) => ({
      container,
      image: (await api.find(`/images/${encodeURIComponent(container.Image)}/json`, adoptableImage))?.Config ?? null,
    })),
  );
  const volumes = await findVolumes(api, containers.flatMap(namedVolumes));
  const usual = await engineInfo(api);
  const { text, unwritten } = writtenProject(
    stack,
    described.map((one) => ({ ...one, container: withoutDefaults(one.container, usual) })),
    volumes,
  );
  const differing = await differences(context, { stack, containers, text }, signal);
  return { stack, containers, text, losses: [...unwritten, ...differing] };
}

/** Writes the file and records the containers: from now on the agent takes them for a stack. Throws StackferryErrors. */
export async function adopt(
  { stateDir }: AdoptionContext,
  { stack, containers, text, losses }: Adoption,
  directory: string,
): Promise<string> {
  const place = await realOf(directory);
  const reached = protectedBy(place, [stateDir]);
  if (reached !== null) throw refusal(`${directory} reaches ${reached}, which no stack may be in: name another --dir.`);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, composeFileName);
  const head = losses.map((loss) => `# Not as in the container: ${loss}\n`).join('');
  const others = (await readdir(directory)).filter((name) => name !== composeFileName);
  const before = await readFile(file, 'utf8').catch(() => null);
  if (others.length > 0 || (before !== null && before !== head + text))
    throw refusal(`${directory} holds other files: name an empty --dir.`);
  await writeFileAtomically(file, head + text);
  const adopted: AdoptedStack = {
    stack,
    directory,
    containers: Object.fromEntries(containers.map((container) => [container.Id, nameOf(container)])),
  };
  const all = [...(await readAdopted(stateDir)), adopted];
  if (all.length > limits.agent.adoptedStacksMax)
    throw refusal(`${limits.agent.adoptedStacksMax} stacks are adopted already: disown those that have gone.`);
  await writeAdopted(stateDir, all);
  return file;
}

const refusal = (message: string) => new StackferryError('invalid_request', message);

async function findAdoptable(api: DockerApi, name: string): Promise<Adoptable> {
  const container = await api.find(`/containers/${encodeURIComponent(name)}/json`, adoptable);
  if (!container) throw refusal(`No container "${name}" is on this host: "docker ps -a" lists them.`);
  const Labels = { ...container.Config.Labels, ...(await api.adopted()).get(container.Id) } as Record<string, string>;
  const project = Labels[composeLabels.project];
  if (project !== undefined) throw refusal(`${name} belongs to the stack "${project}" already.`);
  if (!isPlainContainer({ Labels }))
    throw refusal(`${name} belongs to another manager (a swarm, Kubernetes, this agent), which would create it again.`);
  if (container.HostConfig.AutoRemove === true)
    throw refusal(
      `${name} was started with --rm: the Engine deletes it, and its anonymous volumes, when it stops. Start it again without --rm.`,
    );
  if (['removing', 'dead'].includes(container.State.Status)) throw refusal(`${name} is being removed.`);
  return container;
}

async function assertFree({ api, stateDir }: AdoptionContext, stack: string): Promise<void> {
  if (!isStackName(stack))
    throw refusal(`"${stack}" is not a stack name: lower-case letters, digits, dashes and underscores.`);
  const namesake = await listContainers(api, `${composeLabels.project}=${stack}`);
  const adopted = (await readAdopted(stateDir)).some((one) => one.stack === stack);
  if (namesake.length > 0 || adopted) throw refusal(`A stack "${stack}" is here already: name this one with --name.`);
}

/** Names what Compose would make otherwise of the file than the containers are. */
async function differences(
  { api, compose }: AdoptionContext,
  { stack, containers, text }: Pick<Adoption, 'stack' | 'containers' | 'text'>,
  signal: AbortSignal,
): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'stackferry-adopt-'));
  try {
    const file = join(directory, composeFileName);
    await writeFile(file, text, { mode: 0o600 });
    const environment = { PWD: directory };
    const project = { project: stack, directory, configFiles: [file], envFiles: [], environment };
    const model = await readModel(compose, project, signal);
    const made = await inspectAll(
      api,
      containers.map(({ Id }) => Id),
    );
    const labelled = made.map((container) => {
      const labels = labelsOf({ stack, directory }, nameOf(container));
      return { ...container, Config: { ...container.Config, Labels: { ...container.Config.Labels, ...labels } } };
    });
    const drift = await driftOf({ api, compose, project, model, containers: labelled }, signal);
    return drift.current === true ? [] : [drift.detail];
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
