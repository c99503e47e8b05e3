import { setTimeout as sleep } from 'node:timers/promises';
import { importedAuthority, sealedAuthority } from '../../schema/api/authority.ts';
import { limits } from '../../schema/limits.ts';
import { type ApiClient, ApiProblem } from '../api-client.ts';
import { lastLines, type Ran, type Wrangler } from '../deploy/run-wrangler.ts';
import * as argv from '../deploy/wrangler-argv.ts';
import { CliError, exitCodes } from '../exit-code.ts';

/** An authority that exports or imports keys while it has their wrap key. */
export interface Authority {
  exported(): Promise<string>;
  imported(sealed: string): Promise<void>;
}

/**
 * Sets the wrap key as a secret of the Worker, which enables its routes while `use` runs, and deletes it afterwards.
 * The account is `wrangler`'s, the address and the admin token are those of `stackferry login`.
 */
export async function withAuthorityOnCloudflare<T>(
  wrangler: Wrangler,
  api: ApiClient,
  wrapKey: string,
  use: (authority: Authority) => Promise<T>,
): Promise<T> {
  await must(wrangler(argv.putSecret(argv.workerName, wrapKeySecret), { input: wrapKey }), 'The secret cannot be set.');
  try {
    return await use({
      exported: async () => (await once(() => api.post('/authority/export', {}, sealedAuthority))).sealed,
      imported: async (sealed) => {
        await once(() => api.post('/authority/import', { sealed }, importedAuthority));
      },
    });
  } finally {
    await must(
      wrangler(argv.deleteSecret(argv.workerName, wrapKeySecret)),
      `The secret ${wrapKeySecret} is still set: delete it; otherwise anyone with the passphrase and an admin token can export the keys again.`,
    );
  }
}

const wrapKeySecret = 'AUTHORITY_WRAP_KEY';

/** Retries until a new secret has propagated through the platform. */
async function once<T>(ask: () => Promise<T>): Promise<T> {
  for (const giveUp = Date.now() + limits.cli.secretMsMax; ; ) {
    try {
      return await ask();
    } catch (error) {
      const closed = error instanceof ApiProblem && error.code === 'authority_closed';
      if (!closed || Date.now() > giveUp) throw error;
      await sleep(limits.cli.reconnectMs);
    }
  }
}

async function must(running: Promise<Ran>, otherwise: string): Promise<void> {
  const ran = await running;
  if (ran.code !== 0) throw new CliError('wrangler_failed', otherwise, exitCodes.failure, lastLines(ran));
}
