import { agentPaths } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import type { webhookEvents } from '../../schema/webhook-events.ts';
import { byNode, refuses } from './define.ts';

/** Parts of the OpenAPI document that no schema of a request or an answer describes. */

const text = { type: 'string' } as const;

export const headers = {
  Location: { description: 'Where what was made, or begun, is shown.', schema: text },
  'X-Request-Id': { description: 'Names this request in the log and in the audit.', schema: text },
  RateLimit: {
    description: 'Requests that are left (`r`), and seconds until there are more (`t`).',
    schema: text,
    example: '"token";r=2999;t=0',
  },
  'RateLimit-Policy': {
    description: 'Requests (`q`) in so many seconds (`w`).',
    schema: text,
    example: `"token";q=${limits.api.tokenRequestsPerMinute};w=60`,
  },
  'Retry-After': { description: 'Seconds.', schema: { type: 'integer' }, example: 2 },
  'Idempotency-Replayed': {
    description: 'This is the answer to the first request with this `Idempotency-Key`; nothing was done anew.',
    schema: text,
    example: 'true',
  },
} as const;

export const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  description: 'One of your own for each act: however often the request is repeated with it, it is done once.',
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
  { name: 'migrations', description: 'Moves: under way, ended, and what may come after.' },
  { name: 'hosts', description: 'Docker hosts with an agent.' },
  { name: 'relays', description: 'What brings two agents together.' },
  { name: 'drains', description: 'Moving all stacks off a host.' },
  { name: 'webhooks', description: 'Endpoints that are told of what happens, and what became of each delivery.' },
  { name: 'tokens', description: 'API tokens.' },
  { name: 'audit', description: 'Who did what.' },
  { name: 'enrolment', description: 'For agents and relays.' },
];

export const info = {
  title: 'Stackferry',
  version: '1',
  summary: 'Moves running Docker Compose stacks, volumes included, from one host to another.',
  description: [
    'Times are RFC 3339, sizes bytes, rates bytes per second. Unknown fields of a request are refused; answers may get new ones.',
    'Errors are problem details (RFC 9457): branch on `code`. A POST with an `Idempotency-Key` is done once, however often it is sent.',
    'Lists come in pages: `limit`, then `cursor` with the `next_cursor` of the page before. Pages stay right while things are added.',
    `Requests of one token are limited: \`RateLimit\` tells what is left, 429 with \`Retry-After\` when to go on.`,
  ].join('\n\n'),
  license: { name: 'MIT', identifier: 'MIT' },
};

/** An upgrade is no request that a schema could describe, so its route is not made by `createRoute`. */
export const connectPath = {
  method: 'get' as const,
  path: agentPaths.connect,
  operationId: 'connect',
  tags: ['enrolment'],
  summary: 'The control link of an agent or a relay',
  description: 'An upgrade to WebSocket; what is said on it is not part of the public API.',
  ...byNode,
  ...refuses('unauthorized', 'certificate_invalid', 'host_revoked', 'invalid_request'),
  responses: { 101: { description: 'Connected.' } },
};

/** When each webhook is sent. */
export const told: Record<(typeof webhookEvents)[number]['shape']['type']['value'], string> = {
  'migration.started': 'Its pre-flight has passed; the stack still runs on the source.',
  'migration.completed': 'The stack runs on the target, its safety window is open.',
  'migration.failed': 'It could not be done; the stack runs on the source.',
  'migration.cancelled': 'Somebody cancelled it; the stack runs on the source.',
  'migration.rolled_back': 'The stack is back on the source.',
  'migration.needs_attention': 'It waits for a person; `attention` says where the copies are and what to do.',
  'migration.cleanup_due': 'The safety window is over while the source is still kept. Once for each migration.',
  'drain.completed': 'Every stack has left the host.',
  'drain.failed': 'The drain is over, and some stacks stayed at home, running.',
  'webhook.test': 'Somebody asked for it at `/webhooks/{id}/test`.',
};
