import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import { deliveryView, replayed, webhookView, webhookWithSecret } from '../../schema/api/webhooks.ts';
import { limits } from '../../schema/limits.ts';
import { ago } from '../../schema/units.ts';
import type { DeliveryStatus, WebhookType } from '../../schema/webhook-events.ts';
import { eventsSay, shownUrl, type WebhookKind, webhookKindFacts } from '../../schema/webhook-kinds.ts';
import type { ApiClient } from '../api-client.ts';
import { askSecret, confirm, readSecret } from '../ask.ts';
import { CliError, exitCodes, usageError } from '../exit-code.ts';
import { listAll } from '../find.ts';
import { labelled, prose, table } from '../output/layout.ts';
import type { Style, Terminal } from '../output/terminal.ts';
import type { Session } from '../session.ts';

type Webhook = z.infer<typeof webhookView>;
type Delivery = z.infer<typeof deliveryView>;

export async function webhooks({ term, api }: Session) {
  const items = await listAll(await api(), '/webhooks', webhookView);
  if (term.json) return term.document(items);
  if (items.length === 0) return term.out('No webhooks. Register one: stackferry webhooks create URL');
  const rows = items.map(({ id, kind, url, events, status, disabled_why }) => [
    url,
    kind,
    term.paint(status === 'enabled' ? 'green' : 'red', status) + (disabled_why === 'gone' ? ' (answered 410)' : ''),
    // What these are would take a column too wide; it is said when one is made.
    events?.join(', ') ?? (kind === 'standard' ? 'all events' : 'for people'),
    id,
  ]);
  term.out(...table(term, ['URL', 'KIND', 'STATUS', 'EVENTS', 'ID'], rows));
}

interface CreateOptions {
  kind: WebhookKind;
  tokenStdin?: boolean;
  from?: string;
  to?: string[];
  event?: WebhookType[];
}

export async function createWebhook({ term, api }: Session, url: string, options: CreateOptions) {
  const { kind, from, to, event: events = null } = options;
  const { token: wanted, tokenHint } = webhookKindFacts[kind];
  if (kind === 'email' ? !from || !to : from || to)
    throw kind === 'email'
      ? usageError('An email needs a sender and a recipient.', 'Add --from ADDRESS --to ADDRESS.')
      : usageError('--from and --to are only for --kind email.');
  if (options.tokenStdin && wanted === 'none') throw usageError(`A webhook of the kind ${kind} has no token.`);
  const asks = wanted === 'required' || options.tokenStdin;
  const token = !asks ? null : options.tokenStdin ? await readSecret() : await askSecret(term, `Token, ${tokenHint}: `);
  if (token === '') throw usageError('No token was given.', `It is ${tokenHint}.`);
  const email = from && to ? { from, to } : null;
  const created = await (await api()).post('/webhooks', { url, kind, token, email, events }, webhookWithSecret);
  tellSecret(term, created);
}

export async function rotateWebhook({ term, api }: Session, wanted: string, options: { overlap?: number }) {
  const client = await api();
  const { id } = await findWebhook(client, wanted);
  const body = options.overlap === undefined ? {} : { overlap_s: options.overlap };
  tellSecret(term, await client.post(`/webhooks/${id}/rotate`, body, webhookWithSecret));
}

export async function deleteWebhook({ term, api }: Session, wanted: string, options: { yes?: boolean }) {
  const client = await api();
  const { id, url } = await findWebhook(client, wanted);
  await confirm(term, `Delete ${url} with its deliveries?`, options);
  await client.delete(`/webhooks/${id}`);
  if (term.json) term.document({ deleted: id });
  else term.out(`${url} is deleted.`);
}

export const enableWebhook = (session: Session, wanted: string) => setDisabled(session, wanted, false);
export const disableWebhook = (session: Session, wanted: string) => setDisabled(session, wanted, true);

async function setDisabled({ term, api }: Session, wanted: string, disabled: boolean) {
  const client = await api();
  const { id } = await findWebhook(client, wanted);
  const changed = await client.patch(`/webhooks/${id}`, { disabled }, webhookView);
  if (term.json) term.document(changed);
  else term.out(`${changed.url} is ${changed.status}.`);
}

/** Waits for the answer; exits with 0 only if the receiver accepted it. */
export async function testWebhook({ term, api }: Session, wanted: string) {
  const client = await api();
  const { id } = await findWebhook(client, wanted);
  let sent = await client.post(`/webhooks/${id}/test`, {}, deliveryView);
  for (const giveUp = Date.now() + limits.cli.deliveryMsMax; !sent.last && Date.now() < giveUp; ) {
    await sleep(limits.cli.pollMs);
    sent = await client.get(`/webhooks/${id}/deliveries/${sent.event_id}`, deliveryView);
  }
  if (term.json) term.document(sent);
  else term.out(...deliveryTable(term, [sent]));
  return sent.status === 'delivered' ? exitCodes.done : exitCodes.failure;
}

export async function deliveries(
  { term, api }: Session,
  wanted: string,
  options: { status?: DeliveryStatus; limit: number },
) {
  const client = await api();
  const { id } = await findWebhook(client, wanted);
  const query = options.status ? `?status=${options.status}` : '';
  const items = await listAll(client, `/webhooks/${id}/deliveries${query}`, deliveryView, options.limit);
  if (term.json) return term.document(items);
  if (items.length === 0) return term.out('No deliveries.');
  term.out(...deliveryTable(term, items));
}

/** Replays one event, or every dead letter. */
export async function replayWebhook({ term, api }: Session, wanted: string, eventId: string | undefined) {
  const client = await api();
  const { id, url } = await findWebhook(client, wanted);
  if (eventId !== undefined) {
    const sent = await client.post(
      `/webhooks/${id}/deliveries/${encodeURIComponent(eventId)}/replay`,
      {},
      deliveryView,
    );
    return term.json ? term.document(sent) : term.out(...deliveryTable(term, [sent]));
  }
  const answer = await client.post(`/webhooks/${id}/replay`, {}, replayed);
  if (term.json) term.document(answer);
  else term.out(`${answer.replayed} queued again for ${url}.`);
}

/** By id, a unique prefix of it, or URL. */
async function findWebhook(client: ApiClient, wanted: string): Promise<Webhook> {
  const all = await listAll(client, '/webhooks', webhookView);
  const isUrl = URL.canParse(wanted);
  const fits = ({ id, kind, url }: Webhook) => id.startsWith(wanted) || (isUrl && shownUrl(kind, wanted) === url);
  const found = all.filter((webhook) => webhook.url === wanted || fits(webhook));
  const [only] = found;
  if (only && found.length === 1) return only;
  if (!only)
    throw new CliError('not_found', `There is no webhook "${wanted}".`, exitCodes.not_found, [
      'List them: stackferry webhooks',
    ]);
  throw new CliError(
    'ambiguous',
    `${found.length} webhooks fit "${wanted}".`,
    exitCodes.usage,
    found.map(({ id, url }) => `${id}  ${url}`),
  );
}

function tellSecret(term: Terminal, created: z.infer<typeof webhookWithSecret>): void {
  if (term.json) {
    term.document(created);
    return;
  }
  const row = (label: string, text: string) => labelled(term, label, text, 14, 0);
  term.out(
    ...row('webhook', created.id),
    ...row('kind', created.kind),
    ...row('url', created.url),
    ...row('events', eventsSay(created)),
    ...(created.secret === null ? [] : row('secret', created.secret)),
    '',
    ...prose(
      term,
      ...(created.secret === null
        ? []
        : ['The secret is shown only once. Receivers verify with it as the Standard Webhooks specification says.']),
      `Try it: stackferry webhooks test ${created.id}`,
    ),
  );
}

const styles: { [S in DeliveryStatus]: Style } = { pending: 'yellow', delivered: 'green', dead: 'red' };

const deliveryTable = (term: Terminal, items: Delivery[]) =>
  table(
    term,
    ['EVENT', 'STATUS', 'TRIES', 'ANSWER', 'WHEN', 'ID'],
    items.map(({ type, status, attempts, last, event_at, event_id }) => [
      type,
      term.paint(styles[status], status),
      `${attempts}`,
      last ? (last.error ?? `${last.answer_status} in ${last.took_ms} ms`) : '-',
      ago(event_at),
      event_id,
    ]),
  );
