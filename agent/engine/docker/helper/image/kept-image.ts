import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { writeFileAtomically } from '../../../../../node/atomic-file.ts';
import type { DockerApi } from '../../api.ts';

const record = z.object({ version: z.string(), id: z.string() });

/** Remembers, by id, the image that this agent built or pulled: a tag can be set by others. */
export function keptImage(api: DockerApi, file: string, version: string) {
  const read = async () => {
    const text = await readFile(file, 'utf8').catch(() => null);
    try {
      return text === null ? null : record.parse(JSON.parse(text));
    } catch {
      return null;
    }
  };
  return {
    /** Null if none is remembered, or only one of another version. */
    async id(): Promise<string | null> {
      const kept = await read();
      return kept?.version === version ? kept.id : null;
    },
    /** Also deletes the previous image, unless it is in use or has other names. */
    async keep(id: string): Promise<void> {
      const before = await read();
      await writeFileAtomically(file, JSON.stringify({ version, id }));
      if (before && before.id !== id) await api.delete(`/images/${encodeURIComponent(before.id)}`).catch(() => false);
    },
  };
}
