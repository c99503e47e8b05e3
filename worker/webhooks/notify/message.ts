import { comingSays, count, moment } from '../../../schema/units.ts';
import type {
  DrainWebhook,
  DrainWebhookData,
  MigrationWebhook,
  MigrationWebhookData,
  WebhookPayload,
} from '../../../schema/webhook-events.ts';

/** `info`: nothing to do. `success`: it ended well. `warning`: look at it. `critical`: act now. */
export type Severity = 'info' | 'success' | 'warning' | 'critical';

/** An event for people, as plain text without line breaks; each service escapes and shortens it in its own way. */
export interface Message {
  /** The event's id, the same for each try. */
  id: string;
  severity: Severity;
  /** A few words, such as a subject line. */
  title: string;
  /** What happened to which stack, from where to where. */
  sentence: string;
  /** What to do; null if nothing. */
  todo: string | null;
  /** The page about it. */
  link: string;
  /** When it happened, RFC 3339. */
  at: string;
}

type Words = Pick<Message, 'severity' | 'title' | 'sentence' | 'todo'>;

/** `origin`: the control plane's address for browsers. */
export function messageOf(id: string, payload: WebhookPayload, origin: string): Message {
  const { words, page } = wordsOf(payload);
  const { severity, title, sentence, todo } = words;
  return {
    id,
    severity,
    title: oneLine(title),
    sentence: oneLine(sentence),
    todo: todo === null ? null : oneLine(todo),
    link: `${origin}/ui/${page}`,
    at: payload.timestamp,
  };
}

function wordsOf(payload: WebhookPayload): { words: Words; page: string } {
  switch (payload.type) {
    case 'webhook.test':
      return { words: test, page: `webhooks/${payload.data.endpoint_id}` };
    case 'drain.completed':
    case 'drain.failed':
      return { words: drainWords[payload.type](payload.data), page: `drains/${payload.data.id}` };
    default:
      return { words: migrationWords[payload.type](payload.data), page: `migrations/${payload.data.id}` };
  }
}

const test: Words = {
  severity: 'info',
  title: 'Test of Stackferry',
  sentence: 'This is a test from Stackferry: its notifications arrive here.',
  todo: null,
};

const route = ({ stack, source, target }: MigrationWebhookData) =>
  `The migration of ${stack.name} from ${source.name} to ${target.name}`;

const migrationWords: { [T in MigrationWebhook]: (data: MigrationWebhookData) => Words } = {
  'migration.started': ({ stack, source, target }) => ({
    severity: 'info',
    title: `${stack.name} is moving`,
    sentence: `${stack.name} is moving from ${source.name} to ${target.name}.`,
    todo: null,
  }),
  'migration.holding': ({ stack, source, target }) => ({
    severity: 'info',
    title: `${stack.name} is ready to be cut over`,
    sentence: `${stack.name} still runs on ${source.name}; its copy on ${target.name} is kept up to date.`,
    todo: 'Cut it over on its page when you want the downtime.',
  }),
  'migration.completed': ({ stack, source, target, window_ends_at }) => ({
    severity: 'success',
    title: `${stack.name} has moved`,
    sentence: `${stack.name} has moved from ${source.name} to ${target.name}${
      window_ends_at ? `; it can be rolled back until ${moment(window_ends_at)}` : ''
    }.`,
    todo: null,
  }),
  'migration.failed': (data) => ({
    severity: 'warning',
    title: `${data.stack.name} did not move`,
    sentence: `${route(data)} failed${data.failure ? `: ${data.failure.message}` : '.'}`,
    todo: null,
  }),
  'migration.cancelled': (data) => ({
    severity: 'info',
    title: `${data.stack.name} did not move`,
    sentence: `${route(data)} was cancelled.`,
    todo: null,
  }),
  'migration.rolled_back': ({ stack, source, target }) => ({
    severity: 'warning',
    title: `${stack.name} was rolled back`,
    sentence: `${stack.name} was rolled back from ${target.name} to ${source.name}.`,
    todo: null,
  }),
  'migration.cutover': ({ stack, source, target, clients_use }) => ({
    severity: 'info',
    title: `Clients of ${stack.name}: use ${(clients_use ?? target).name}`,
    sentence: `From now on clients of ${stack.name} should use ${(clients_use ?? target).name}, no longer ${
      clients_use?.id === source.id ? target.name : source.name
    }.`,
    todo: null,
  }),
  'migration.needs_attention': (data) => ({
    severity: 'critical',
    title: `${data.stack.name} needs attention`,
    sentence: `${route(data)} needs attention${data.attention ? `: ${data.attention.why}` : '.'}`,
    todo: data.attention?.todo ?? 'See its page for what to do.',
  }),
  'migration.cleanup_due': (data) => ({
    severity: 'info',
    title: `${data.source.name} still keeps ${data.stack.name}`,
    sentence: `${route(data)} can no longer be rolled back, and ${data.source.name} still keeps its copy.${
      data.still_coming_per_minute === null ? '' : ` ${comingSays(data.still_coming_per_minute)}`
    }`,
    todo: `If ${data.stack.name} is well on ${data.target.name}, delete the source on the migration’s page.`,
  }),
};

const drainWords: { [T in DrainWebhook]: (data: DrainWebhookData) => Words } = {
  'drain.completed': ({ host, moved }) => ({
    severity: 'success',
    title: `${host.name} is drained`,
    sentence: `The drain of ${host.name} is complete: ${count(moved.length, 'stack')} moved.`,
    todo: null,
  }),
  'drain.failed': ({ host, moved, stayed }) => ({
    severity: 'warning',
    title: `${host.name} is not drained`,
    sentence: `The drain of ${host.name} failed: ${count(moved.length, 'stack')} moved, ${stayed.length} stayed${
      stayed.length > 0 ? ` (${stayed.map(({ stack }) => stack.name).join(', ')})` : ''
    }.`,
    todo: 'See its page for the reason of each, then drain the host again.',
  }),
};

/** Without control characters, line breaks and characters that change the direction of text. */
const oneLine = (text: string) =>
  text
    .toWellFormed()
    .replace(/[\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim();
