import type { Env } from '../env.ts';
import type { Actor } from '../store/audit.ts';
import type { TokenRow } from '../store/tokens.ts';

/** Hono's context of an authenticated request. */
export interface Authed {
  Bindings: Env;
  Variables: {
    /** Sent to the client, and recorded in log and audit. */
    requestId: string;
    token: TokenRow;
    /** The actor named by the credentials, valid or not; undefined if they name nobody. */
    actor: Actor | undefined;
    /** The first refusal of a flood: worth an audit entry. */
    floodIsNews: boolean | undefined;
    /** The audit name of a read-only request that reveals a secret. */
    revealing: string | undefined;
  };
}
