import { agentPaths } from '../../schema/enrolment.ts';
import { limits } from '../../schema/limits.ts';
import type { webhookEvents } from '../../schema/webhook-events.ts';
import { byNode, refuses } from './define.ts';

/** Parts of the OpenAPI document beyond the schemas of requests and responses. */

const text = { type: 'string' } as const;

export const headers = {
  Location: { description: 'Address of the created or started resource.', schema: text },
  'X-Request-Id': {
    description:
      'Identifies this request in the logs of control plane and hosts, and in the audit: as sent, if well-formed, else the trace id of `traceparent`, else a new one.',
    schema: text,
  },
  RateLimit: {
    description: 'Remaining requests (`r`), and seconds until more are allowed (`t`).',
    schema: text,
    example: '"token";r=2999;t=0',
  },
  'RateLimit-Policy': {
    description: 'Requests (`q`) per window of seconds (`w`).',
    schema: text,
    example: `"token";q=${limits.api.tokenRequestsPerMinute};w=60`,
  },
  'X-Next-Before': {
    description: '`before` of the next part; absent on the last.',
    schema: { type: 'integer' },
    example: 812,
  },
  'Retry-After': { description: 'Seconds.', schema: { type: 'integer' }, example: 2 },
  'Idempotency-Replayed': {
    description: 'This is the answer to the first request with this `Idempotency-Key`; nothing was done again.',
    schema: text,
    example: 'true',
  },
} as const;

export const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  description: 'A unique key per act: a request repeated with the same key is done once.',
  schema: { ...text, minLength: 1, maxLength: limits.api.idempotencyKeyCharsMax, pattern: '^[\\x21-\\x7e]+$' },
  example: '5f0c2a34-6a44-4c1e-b3b6-6dd2b8f0f6a1',
} as const;

export const securitySchemes = {
  bearer: { type: 'http', scheme: 'bearer', description: 'An API token: `sfy_…`.' },
  node: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'A short-lived token that an agent or a relay signs with the key of its certificate.',
  },
} as const;

export const tags = [
  { name: 'stacks', description: 'Compose projects that the hosts report, and moving them.' },
  { name: 'migrations', description: 'Active and ended migrations, rollback and clean-up.' },
  { name: 'events', description: 'What happens in the whole fleet, from a cursor on.' },
  { name: 'hosts', description: 'Docker hosts with an agent.' },
  { name: 'relays', description: 'Relays carry the encrypted stream between two agents.' },
  { name: 'drains', description: 'Moving all stacks off a host.' },
  { name: 'webhooks', description: 'Endpoints that receive events, and their deliveries.' },
  { name: 'tokens', description: 'API tokens.' },
  { name: 'authority', description: 'Export and import of the keys of the certificate authority.' },
  { name: 'audit', description: 'Who did what.' },
  { name: 'version', description: 'Which release answers.' },
  { name: 'enrolment', description: 'For agents and relays.' },
];

export const info = {
  title: 'Stackferry',
  version: '1',
  summary: 'Moves running Docker Compose stacks, volumes included, from one host to another.',
  description: [
    'Times are RFC 3339, sizes bytes, rates bytes per second. Unknown fields of a request are refused; answers may get new ones.',
    'Errors are problem details (RFC 9457): branch on `code`. A POST with an `Idempotency-Key` is done once, even if it is repeated.',
    'Lists come in pages: `limit`, then `cursor` with the `next_cursor` of the previous page. Pages stay consistent while items are added.',
    `Requests of one token are limited: \`RateLimit\` shows what is left; 429 has \`Retry-After\`.`,
  ].join('\n\n'),
  license: { name: 'MIT', identifier: 'MIT' },
};

/** A WebSocket upgrade cannot be described by `createRoute`. */
export const connectPath = {
  method: 'get' as const,
  path: agentPaths.connect,
  operationId: 'connect',
  tags: ['enrolment'],
  summary: 'Control connection of an agent or a relay',
  description: 'An upgrade to WebSocket; its messages are not part of the public API.',
  ...byNode,
  ...refuses('unauthorized', 'certificate_invalid', 'host_revoked', 'invalid_request'),
  responses: { 101: { description: 'Connected.' } },
};

/** When each webhook is sent. */
export const told: Record<(typeof webhookEvents)[number]['shape']['type']['value'], string> = {
  'migration.started': 'Its pre-flight has passed; the stack still runs on the source.',
  'migration.holding': 'Everything is copied; the stack runs on the source until the migration is cut over.',
  'migration.completed': 'The stack runs on the target, its safety window is open.',
  'migration.failed': 'The migration failed; the stack runs on the source.',
  'migration.cancelled': 'The migration was cancelled; the stack runs on the source.',
  'migration.rolled_back': 'The stack is back on the source.',
  'migration.cutover':
    'Clients should use another host from now on: `clients_use` says which. Comes with `migration.completed` and `migration.rolled_back`.',
  'migration.needs_attention': 'Needs your attention: `attention` says where the copies are and what to do.',
  'migration.cleanup_due': 'The safety window has closed and the source is still kept. Sent once per migration.',
  'drain.completed': 'Every stack has left the host.',
  'drain.failed': 'The drain has ended, and some stacks stayed on the host, running.',
  'webhook.test': 'Requested at `/webhooks/{id}/test`.',
};
