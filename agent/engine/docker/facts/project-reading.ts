import { existsSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { variableName } from '../../../../schema/environment.ts';
import { limits } from '../../../../schema/limits.ts';
import type { ComposeProject } from '../../../compose/arguments.ts';
import { type FileReferences, fileReferences, noReferences } from '../../../compose/file-references.ts';
import { interpolate } from '../../../compose/interpolate.ts';
import { type ComposeModel, emptyModel } from '../../../compose/model.ts';
import { type Compose, readModel } from '../../../compose/project.ts';
import type { Container } from '../stack/containers.ts';
import { serviceOf } from '../stack/containers.ts';
import { type OwnContainer, seesHostPath, unseenAdvice } from './own-container.ts';
import type { ProjectOrigin } from './project-origin.ts';
import { nothingInferred, shellEnvironment } from './shell-environment.ts';

export interface ProjectReading {
  /** Includes the variables of the shell that started the stack, if they can be inferred. */
  project: ComposeProject;
  model: ComposeModel;
  references: FileReferences;
  /** Reasons why the files can't be moved as they are; the other fields are then empty or partial. */
  errors: string[];
  /** Variables that the files use and whose values are not known. */
  unknown: string[];
}

/** Reads a stack's files with Compose, on the host where it was started. */
export async function readProject(
  compose: Compose,
  {
    project: labelled,
    fault,
    given = {},
  }: Pick<ProjectOrigin, 'project' | 'fault'> & { given?: Record<string, string> },
  containers: Container[],
  signal: AbortSignal,
  own: OwnContainer | null = null,
): Promise<ProjectReading> {
  const nothing = { project: labelled, model: emptyModel, references: noReferences, unknown: [] };
  if (fault !== null) return { ...nothing, errors: [fault] };
  if (!seesHostPath(own, labelled.directory)) return { ...nothing, errors: [unseenAdvice(labelled.directory)] };
  const absent = labelled.configFiles.filter((path) => !existsSync(path));
  if (absent.length > 0) return { ...nothing, errors: absent.map(absentFile) };
  const services = [...new Set(containers.map(serviceOf))];
  const base = { ...labelled, environment: { ...labelled.environment, ...given } };
  const readAs = async (project: ComposeProject) => {
    const { errors, orElse } = collecting();
    const [model, references] = await Promise.all([
      orElse(readModel(compose, project, signal), emptyModel),
      orElse(fileReferences(compose, project, services, signal), noReferences),
    ]);
    return { project, model, references, errors };
  };
  // Few files use variables of the shell, so they are read as if these do not, while it is found out.
  const asLabelled = readAs(base);
  const { errors, orElse } = collecting();
  const inferred = await orElse(shellEnvironment(compose, base, given, containers, signal), nothingInferred);
  const environment = { ...base.environment, ...inferred.values };
  const { project, model, references, ...read } = await (isDeepStrictEqual(environment, base.environment)
    ? asLabelled
    : readAs({ ...base, environment }));
  errors.push(...read.errors);
  const unset = await orElse(unsetSources(compose, project, model, signal), []);
  const unknown = [
    ...inferred.unknown,
    ...model.unset,
    ...errors.flatMap(requiredIn),
    ...unset.map(({ variable }) => variable),
  ].filter((variable) => variableName.safeParse(variable).success);
  return {
    ...{ project, model, references },
    errors: [...new Set([...errors, ...unset.map(({ error }) => error)])],
    unknown: [...new Set(unknown)].slice(0, limits.api.variablesMax),
  };
}

/** Readings that may fail, and why they did. */
function collecting() {
  const errors: string[] = [];
  const orElse = <T>(reading: Promise<T>, otherwise: T) =>
    reading.catch((error: Error) => {
      errors.push(error.message);
      return otherwise;
    });
  return { errors, orElse };
}

/** From Compose's error for `${NAME:?why}`. */
const requiredIn = (error: string): string[] =>
  [...error.matchAll(/required variable (\w+) is missing a value/g)].map(([, variable]) => variable ?? '');

/** Inferred variables that the target needs; `PWD` is left out if it is the project directory. */
export function inferredOf({ directory, environment: { HOME, PWD } }: ComposeProject): Record<string, string> {
  return { ...(HOME ? { HOME } : {}), ...(PWD && PWD !== directory ? { PWD } : {}) };
}

const absentFile = (path: string) =>
  `The stack was started from ${path}, which is not on this host: put the file back where it was`;

/** Finds configs and secrets from unset variables: Compose reads those only at the start, and fails only then. */
async function unsetSources(
  compose: Compose,
  project: ComposeProject,
  { configs, secrets }: ComposeModel,
  signal: AbortSignal,
): Promise<{ variable: string; error: string }[]> {
  const sources = [...Object.entries(configs), ...Object.entries(secrets)].flatMap(([name, item]) =>
    item?.environment ? [{ name, variable: item.environment }] : [],
  );
  if (sources.length === 0) return [];
  const asked = sources.map(({ variable }) => `\${${variable}+set}`);
  const answers = await interpolate(compose, project, asked, signal);
  return sources
    .filter((_, index) => answers[index] !== 'set')
    .map(({ name, variable }) => ({
      variable,
      error: `${name} is the value of ${variable}, which is not set: add it to ${project.directory}/.env`,
    }));
}
