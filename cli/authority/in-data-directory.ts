import { join } from 'node:path';
import { agentVersion } from '../../node/version.ts';
import { importRefusals } from '../../schema/api/authority.ts';
import { CliError, exitCodes } from '../exit-code.ts';
import { startControlPlane } from '../local/start.ts';
import { lock } from '../serve/data-lock.ts';
import { readState } from '../serve/data-state.ts';
import { controlDir, servedDatabase } from '../serve/snapshot.ts';
import type { Authority } from './on-cloudflare.ts';

/** Starts the Worker of a stopped control plane for `use`, reachable by this process only. */
export async function withAuthorityIn<T>(
  dataDir: string,
  wrapKey: string,
  use: (authority: Authority) => Promise<T>,
): Promise<T> {
  await servedDatabase(dataDir);
  const held = await lock(dataDir);
  try {
    const version = (await readState(dataDir))?.version ?? 'an unknown version';
    if (version !== agentVersion)
      throw new CliError(
        'data_other',
        `${dataDir} was written by ${version}; this is ${agentVersion}.`,
        exitCodes.conflict,
        [`Use that version, or let this one bring it up to date first: stackferry serve --data ${dataDir}`],
      );
    const control = await startControlPlane({ dataDir: join(dataDir, controlDir), host: '127.0.0.1', port: 0 });
    try {
      const authority = await control.authority();
      return await use({
        exported: () => authority.sealed(wrapKey),
        imported: async (sealed) => {
          const outcome = await authority.takeBack(wrapKey, sealed);
          if (outcome === 'imported') return;
          const [code, message] = importRefusals[outcome];
          throw new CliError(code, message, exitCodes.conflict);
        },
      });
    } finally {
      await control.close();
    }
  } finally {
    await held.release();
  }
}
