import type { z } from '@hono/zod-openapi';
import { problem } from '../../schema/api.ts';
import type { Scope } from '../../schema/tables.ts';
import { requires } from '../auth/bearer.ts';
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

/** The token is looked at before the body is read. */
export const guarded = (scope: Scope) => ({ middleware: [requires(scope)], security: [{ bearer: [scope] }] });
export const guardedBody = (scope: Scope) => ({
  middleware: [requires(scope), jsonBody],
  security: [{ bearer: [scope] }],
});
