import { resolve } from 'node:path';
import { count, bytes as sizeText } from '../../schema/units.ts';
import { CliError, exitCodes } from '../exit-code.ts';
import { prose } from '../output/layout.ts';
import type { Session } from '../session.ts';

/** Writes the whole state of a control plane to one file, running or not. */
export async function backup({ term }: Session, target: string, { data }: { data: string }) {
  const [{ tryLock, readHolder }, { readState }, { writeBackup }, { servedDatabase }, { hasOpen }] = await Promise.all([
    import('../serve/data-lock.ts'),
    import('../serve/data-state.ts'),
    import('../serve/archive.ts'),
    import('../serve/snapshot.ts'),
    import('../serve/pause.ts'),
  ]);
  const [dataDir, file] = [resolve(data), resolve(target)];
  const database = await servedDatabase(dataDir);
  const held = await tryLock(dataDir);
  try {
    const writer = held ? null : ((await readHolder(dataDir))?.workerd_pid ?? null);
    if (!held && (writer === null || !(await hasOpen(writer, database))))
      throw new CliError(
        'cannot_pause',
        `${dataDir} is in use by a process that cannot be paused from here.`,
        exitCodes.conflict,
        ['Run this where `stackferry serve` runs, as the same user: in the same container, for one.'],
      );
    const version = (await readState(dataDir))?.version ?? '0.0.0';
    const { manifest, pausedMs } = await writeBackup({ dataDir, file, version, writer });
    const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
    if (term.json)
      return term.document({
        file,
        created_at: manifest.created_at,
        version,
        files: manifest.files.length,
        bytes,
        paused_ms: Math.round(pausedMs),
      });
    term.out(
      `${file} holds the control plane as of ${manifest.created_at}: ${count(manifest.files.length, 'file')}, ${sizeText(bytes)}.`,
    );
    if (writer !== null) term.out(`It was paused for ${Math.ceil(pausedMs)} ms.`);
    term.err(...prose(term, 'Keep the file secret: it contains the key of the certificate authority.'));
  } finally {
    await held?.release();
  }
}

/** Fills an empty data directory from a backup. */
export async function restore({ term }: Session, source: string, { data }: { data: string }) {
  const { restoreInto } = await import('../serve/restore.ts');
  const [dataDir, file] = [resolve(data), resolve(source)];
  const { manifest, asked } = await restoreInto(dataDir, file);
  const { created_at, version, files } = manifest;
  if (term.json) return term.document({ data: dataDir, created_at, version, files: files.length, asked });
  term.out(
    `${dataDir} is as it was at ${created_at}, under version ${version}.`,
    ...(asked > 0 ? prose(term, askedWhy(asked)) : []),
    ...prose(term, 'Make sure that the control plane it was taken from never runs again, then start this one:'),
    '',
    `  stackferry serve --data ${dataDir}`,
  );
}

const askedWhy = (asked: number) =>
  `The record of ${count(asked, 'stack')} may be older than what its hosts did since: they are asked for their own first.`;
