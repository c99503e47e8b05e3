import type { z } from '@hono/zod-openapi';
import type { Scope } from '../../schema/scopes.ts';
import { requires } from '../auth/bearer.ts';
import { idempotent } from './idempotent.ts';
import { jsonBody } from './json-body.ts';
import type { ProblemCode } from './openapi-problems.ts';

/**
 * Building blocks of routes. What follows from them (common problems, headers, `Idempotency-Key`) is added to the
 * OpenAPI document in one place: `openapi-operation.ts`.
 */

export const answers = <T extends z.ZodType>(schema: T, description: string) => ({
  content: { 'application/json': { schema } },
  description,
});

/** Like `answers`, with a `Location` of the created or started resource. */
export const located = <T extends z.ZodType>(schema: T, description: string) => ({
  ...answers(schema, description),
  headers: { Location: { $ref: '#/components/headers/Location' } },
});

export const body = <T extends z.ZodType>(schema: T) => ({
  content: { 'application/json': { schema } },
  required: true as const,
});

/** The problems of the route itself, beyond those that follow from its parts. */
export const refuses = (...codes: ProblemCode[]) => ({ 'x-problems': codes });

/** The order of middleware matters: authentication, body, idempotency, then the route. */
export const guarded = (scope: Scope) => ({
  middleware: [requires(scope), idempotent],
  security: [{ bearer: [scope] }],
});
export const guardedBody = (scope: Scope) => ({
  middleware: [requires(scope), jsonBody, idempotent],
  security: [{ bearer: [scope] }],
});
/** Authenticates a host or relay by a token signed with its certificate's key. */
export const byNode = { security: [{ node: [] }] };
