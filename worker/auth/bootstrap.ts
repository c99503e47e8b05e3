import type { Env } from '../env.ts';
import { insertFirstToken, type TokenRow } from '../store/tokens.ts';

/**
 * The first admin token. Whoever starts the control plane makes it, keeps it, and binds only its hash as
 * BOOTSTRAP_TOKEN_HASH: `npm start` does so by itself, for a deployment `stackferry bootstrap-token` prints how. The first
 * request that bears it stores it as the first row of `api_token`. Once there is any row, the binding means nothing.
 */
export async function adoptBootstrapToken(env: Env, hash: string): Promise<TokenRow | null> {
  if (!env.BOOTSTRAP_TOKEN_HASH || env.BOOTSTRAP_TOKEN_HASH !== hash) return null;
  return insertFirstToken(env.DB, hash, Date.now());
}
