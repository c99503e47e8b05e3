import { readFile, readlink } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { limits } from '../../../schema/limits.ts';
import type { ComposeProject } from '../../compose/arguments.ts';
import type { ComposeModel } from '../../compose/model.ts';
import { isInside } from '../../compose/project.ts';
import { realOf } from '../../real-path.ts';

/**
 * Files the stack needs that would stay behind: they, or what they lead to, are not below its project directory. And links
 * by an absolute path to files and bind mounts (`mounted`), which lead to what arrives only where the directory keeps its
 * place.
 */
export async function filesBeyond(
  project: ComposeProject,
  names: ComposeModel,
  services: string[],
  mounted: string[],
): Promise<{ outside: string[]; absolute_links: string[] }> {
  const all = [...project.configFiles, ...envFilesOf(project), ...filesNamed(names, services)];
  const root = await realOf(project.directory);
  const outside: string[] = [];
  for (const path of new Set(all.map((path) => resolve(project.directory, path)))) {
    const real = await realOf(path);
    const isNamedInside = isInside(project.directory, path) || isInside(root, path);
    if (!isNamedInside) outside.push(path);
    else if (!isInside(root, real)) outside.push(`${path}, a link to ${real},`);
  }
  const arriving = [...all, ...mounted].map((path) => resolve(project.directory, path));
  const absolute_links = await Promise.all(arriving.map((path) => absoluteLinkTo(project.directory, path)));
  return { outside, absolute_links: [...new Set(absolute_links.filter((link) => link !== null))] };
}

/** The first link by absolute path on the way from the directory to the file. */
async function absoluteLinkTo(directory: string, file: string): Promise<string | null> {
  let at = directory;
  for (const name of relative(directory, file).split(sep)) {
    at = join(at, name);
    if (isAbsolute(await readlink(at).catch(() => ''))) return at;
  }
  return null;
}

/** Compose reads `.env` where no other file is named. */
export const envFilesOf = ({ directory, envFiles }: ComposeProject): string[] =>
  envFiles.length > 0 ? envFiles : [join(directory, '.env')];

/** Files of the host that these services read: what `env_file`, `configs` and `secrets` name. */
export function filesNamed(names: ComposeModel, services: string[]): string[] {
  const envFiles = services.flatMap((service) => {
    const list = names.services[service]?.env_file ?? [];
    return (Array.isArray(list) ? list : [list]).flatMap((file) => {
      if (typeof file === 'string') return [file];
      return file.required === false ? [] : [file.path];
    });
  });
  const mounted = [...Object.values(names.configs), ...Object.values(names.secrets)].flatMap(
    (item) => item?.file ?? [],
  );
  return [...envFiles, ...mounted];
}

/**
 * `include` and `extends` that name a remote file, or one beyond the project directory: Compose resolves them before it
 * prints the model, so they are looked for in the text. A line that only looks like one is named too: better asked than lost.
 */
export async function remoteIncludes(configFiles: string[]): Promise<string[]> {
  const found: string[] = [];
  const seen = new Set<string>();
  const scan = async (path: string, root: string): Promise<void> => {
    if (seen.has(path) || seen.size >= limits.agent.includedFilesMax) return;
    seen.add(path);
    const text = await readFile(path, 'utf8').catch(() => '');
    for (const reference of referencesIn(text)) {
      if (/^(https?|git|oci|ssh):|^git@|\.git(#|$)/.test(reference)) found.push(reference);
      else if (!isInside(root, join(dirname(path), reference))) found.push(reference);
      else await scan(join(dirname(path), reference), root);
    }
  };
  for (const path of configFiles) await scan(path, dirname(configFiles[0] ?? path));
  return [...new Set(found)];
}

/** Of a list in one line: files, and whatever has a scheme or is a repository. */
const listed = /["']?((?:https?|git|oci|ssh):[^\s"',\]}]+|[\w./:@-]+\.(?:ya?ml|git))/g;

/** Paths below a top-level `include:`, and those of `extends: { file: … }`. */
export function referencesIn(text: string): string[] {
  const references: string[] = [];
  let inInclude = false;
  for (const line of text.split('\n')) {
    const top = /^(\w[\w-]*):/.exec(line)?.[1];
    if (top) inInclude = top === 'include';
    const item = inInclude ? /^\s*-\s*(?:path:\s*)?["']?([^"'#\s]+)/.exec(line)?.[1] : undefined;
    const inline = inInclude && top ? [...line.matchAll(listed)].map(([, path]) => path ?? '') : [];
    const extended = /\bfile:\s*["']?([^"',}\s]+\.ya?ml)/.exec(line)?.[1];
    references.push(...[item, ...inline, extended].filter((path) => path !== undefined));
  }
  return references.filter((path) => path !== 'path:');
}
