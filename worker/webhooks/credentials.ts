import { webhookKindFacts } from '../../schema/webhook-kinds.ts';
import { fleetOf } from '../durable-objects.ts';
import type { Env } from '../env.ts';
import type { EndpointRow } from '../store/webhooks.ts';

type Owner = Pick<EndpointRow, 'id' | 'kind'>;

/** Undefined leaves it as it is. */
interface Changes {
  url: string | undefined;
  token: string | null | undefined;
}

/** Keeps what the database must not have: a token, and a URL that is a secret. */
export async function keepCredential(env: Env, { id, kind }: Owner, { url, token }: Changes): Promise<void> {
  if (kind === 'standard' || (url === undefined && token === undefined)) return;
  const before = await fleetOf(env).webhookCredential(id);
  await fleetOf(env).keepWebhookCredential(id, {
    url: webhookKindFacts[kind].secretUrl ? (url ?? before?.url ?? null) : null,
    token: token === undefined ? (before?.token ?? null) : token,
  });
}

export async function forgetCredential(env: Env, { id, kind }: Owner): Promise<void> {
  if (kind !== 'standard') await fleetOf(env).forgetWebhookCredential(id);
}
