import type { WebhookKind } from '../../../schema/webhook-kinds.ts';
import { refusedTopic } from './ntfy.ts';

/** Returns why a service cannot be called at that URL, or would have its token in what is stored and shown; null if neither. */
export function refusedUrl(kind: WebhookKind, url: string): string | null {
  const { pathname, search } = new URL(url);
  if (kind === 'ntfy') return refusedTopic(url);
  if ((kind === 'gotify' || kind === 'email') && search !== '')
    return 'Remove what follows "?"; give the token as the token.';
  const other = kind === 'discord' ? /\/(slack|github)\/*$/.exec(pathname)?.[1] : undefined;
  return other ? `Remove "/${other}" from the end: that is Discord's address for another format.` : null;
}
