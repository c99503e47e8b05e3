import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Every file below a directory: logs, journals, D1 and Durable Object storage. A database's log comes and goes. */
export async function filesBelow(dir: string): Promise<Record<string, Buffer>> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files: Record<string, Buffer> = {};
  for (const { parentPath, name } of entries.filter((entry) => entry.isFile())) {
    const file = join(parentPath, name);
    const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return null;
    });
    if (bytes) files[file] = bytes;
  }
  return files;
}
