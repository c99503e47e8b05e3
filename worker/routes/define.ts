import type { z } from '@hono/zod-openapi';
import { problem } from '../../schema/api.ts';
import type { Scope } from '../../schema/scopes.ts';
import { requires } from '../auth/bearer.ts';
import { idempotent } from './idempotent.ts';
import { jsonBody } from './json-body.ts';

/** The parts that routes are put together from. */

export const answers = <T extends z.ZodType>(schema: T, description: string) => ({
  content: { 'application/json': { schema } },
  description,
});

export const body = <T extends z.ZodType>(schema: T) => ({
  content: { 'application/json': { schema } },
  required: true as const,
});

/** What every route may answer besides its success. */
export const otherwise = {
  default: {
    content: { 'application/problem+json': { schema: problem } },
    description: 'Problem details; branch on `code`.',
  },
};

/** In this order: who is it, the body, whether it was asked before, then what it asks for. */
export const guarded = (scope: Scope) => ({
  middleware: [requires(scope), idempotent],
  security: [{ bearer: [scope] }],
});
export const guardedBody = (scope: Scope) => ({
  middleware: [requires(scope), jsonBody, idempotent],
  security: [{ bearer: [scope] }],
});
