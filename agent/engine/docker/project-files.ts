import { lstat, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { limits } from '../../../schema/limits.ts';
import type { ComposeProject } from '../../compose/arguments.ts';
import type { ComposeModel } from '../../compose/model.ts';
import { isInside } from '../../compose/project.ts';

/** Bytes of all files below a directory; null where it can't be read, or holds more entries than are worth counting. */
export async function directorySize(directory: string): Promise<number | null> {
  let total = 0;
  let left: number = limits.agent.projectEntriesMax;
  const walk = async (path: string): Promise<void> => {
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (--left < 0) throw new Error('too many entries');
      const at = join(path, entry.name);
      if (entry.isDirectory()) await walk(at);
      else total += (await lstat(at)).size;
    }
  };
  try {
    await walk(directory);
    return total;
  } catch {
    return null;
  }
}

/** Files the stack needs that would stay behind, because they are not below its project directory. */
export function filesBeyond(project: ComposeProject, names: ComposeModel, services: string[]): string[] {
  const all = [...project.configFiles, ...project.envFiles, ...filesNamed(names, services)];
  return [...new Set(all)].filter((path) => !isInside(project.directory, path));
}

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
