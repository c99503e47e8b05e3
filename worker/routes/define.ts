import type { z } from '@hono/zod-openapi';
import type { Scope } from '../../schema/scopes.ts';
import { requires } from '../auth/bearer.ts';
import { idempotent } from './idempotent.ts';
import { jsonBody } from './json-body.ts';
import type { ProblemCode } from './openapi-problems.ts';

/**
 * The parts that routes are put together from. What follows from them (the problems that every such route may answer,
 * headers, `Idempotency-Key`) is added to the document in one place: `openapi-operation.ts`.
 */

export const answers = <T extends z.ZodType>(schema: T, description: string) => ({
  content: { 'application/json': { schema } },
  description,
});

/** As `answers`, with a `Location`: what was made, or what to follow. */
export const located = <T extends z.ZodType>(schema: T, description: string) => ({
  ...answers(schema, description),
  headers: { Location: { $ref: '#/components/headers/Location' } },
});

export const body = <T extends z.ZodType>(schema: T) => ({
  content: { 'application/json': { schema } },
  required: true as const,
});

/** The problems that a route itself answers with, beyond those that follow from its parts. */
export const refuses = (...codes: ProblemCode[]) => ({ 'x-problems': codes });

/** In this order: who is it, the body, whether it was asked before, then what it asks for. */
export const guarded = (scope: Scope) => ({
  middleware: [requires(scope), idempotent],
  security: [{ bearer: [scope] }],
});
export const guardedBody = (scope: Scope) => ({
  middleware: [requires(scope), jsonBody, idempotent],
  security: [{ bearer: [scope] }],
});
/** A host or a relay, by a token that it signed with the key of its certificate. */
export const byNode = { security: [{ node: [] }] };
