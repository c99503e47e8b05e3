import type { Env } from '../env.ts';
import { insertFirstToken, type TokenRow } from '../store/tokens.ts';

/**
 * Adopts the first admin token. The operator creates it and binds only its hash as BOOTSTRAP_TOKEN_HASH: `npm start`
 * does so automatically, and `stackferry bootstrap-token` prints how for a deployment. The first request with this
 * token stores it as the first row of `api_token`. Once any row exists, the binding has no effect.
 */
export async function adoptBootstrapToken(env: Env, hash: string): Promise<TokenRow | null> {
  if (!env.BOOTSTRAP_TOKEN_HASH || env.BOOTSTRAP_TOKEN_HASH !== hash) return null;
  return insertFirstToken(env.DB, hash, Date.now());
}
