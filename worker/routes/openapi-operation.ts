import { problem } from '../../schema/api/common.ts';
import { errorStatus } from '../../schema/errors.ts';
import { titleOf } from '../problem.ts';
import { type ProblemCode, problems } from './openapi-problems.ts';

/** The part of a generated operation that is completed here. */
export interface Operation {
  operationId?: string;
  description?: string;
  security?: Record<string, string[]>[];
  parameters?: ({ name?: string; in?: string } | { $ref: string })[];
  requestBody?: unknown;
  responses: Record<string, Response>;
  'x-problems'?: ProblemCode[];
}
interface Response {
  description: string;
  headers?: Record<string, { $ref: string }>;
  content?: Record<string, unknown>;
}

const header = (name: string) => ({ $ref: `#/components/headers/${name}` });

/** Adds what follows from a route's parts: scope, idempotency key, response headers, and problems by status. */
export function completed(method: string, operation: Operation): Operation {
  const { 'x-problems': own = [], ...rest } = operation;
  const scope = scopeOf(operation);
  const keyed = method === 'post' && scope !== undefined;
  const parameters = [
    ...(operation.parameters ?? []),
    ...(keyed ? [{ $ref: '#/components/parameters/IdempotencyKey' }] : []),
  ];
  const successes = Object.entries(operation.responses).map(([status, response]) => [
    status,
    /^2/.test(status) ? withHeaders(response, keyed, scope !== undefined) : response,
  ]);
  return {
    ...rest,
    ...(scope ? { description: `${operation.description}\n\nNeeds a token with the scope \`${scope}\`.` } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    responses: { ...Object.fromEntries(successes), ...refusals([...own, ...shared(method, operation)]) },
  };
}

const scopeOf = ({ security }: Operation) => security?.find(({ bearer }) => bearer)?.bearer?.[0];

function withHeaders(response: Response, keyed: boolean, metered: boolean): Response {
  const names = [
    'X-Request-Id',
    ...(metered ? ['RateLimit', 'RateLimit-Policy'] : []),
    ...(keyed ? ['Idempotency-Replayed'] : []),
  ];
  return {
    ...response,
    headers: { ...response.headers, ...Object.fromEntries(names.map((name) => [name, header(name)])) },
  };
}

/** Problems of every route with the same parts. */
function shared(method: string, operation: Operation): ProblemCode[] {
  const scope = scopeOf(operation);
  const parameters = operation.parameters ?? [];
  const takes = scope !== undefined || operation.requestBody !== undefined;
  const cursor = parameters.some((parameter) => 'name' in parameter && parameter.name === 'cursor');
  return [
    ...(scope ? (['unauthorized'] as const) : []),
    ...(scope && scope !== 'read' ? (['forbidden'] as const) : []),
    ...(operation.requestBody ? (['malformed_json', 'unsupported_media_type', 'body_too_large'] as const) : []),
    ...(takes ? (['invalid_request'] as const) : []),
    ...(cursor ? (['invalid_cursor'] as const) : []),
    ...(scope && method === 'post'
      ? (['idempotency_mismatch', 'idempotency_in_flight', 'idempotency_unknown'] as const)
      : []),
    'rate_limited',
    'internal',
    'control_unavailable',
  ];
}

/** Problem responses by status. A status with a single code refers to the component of that code. */
function refusals(codes: ProblemCode[]): Record<string, unknown> {
  const byStatus = Map.groupBy(codes.toSorted(), (code) => String(errorStatus[code]));
  return Object.fromEntries(
    [...byStatus].map(([status, [code, ...more]]) => [
      status,
      code && more.length === 0 ? { $ref: `#/components/responses/${componentOf(code)}` } : refusal([code!, ...more]),
    ]),
  );
}

function refusal(codes: ProblemCode[]) {
  const named = { type: 'object', properties: { code: { type: 'string', enum: codes } }, required: ['code'] };
  const schema = { allOf: [{ $ref: `#/components/schemas/${problem.meta()?.id}` }, named] };
  const examples = Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }]));
  return {
    description: codes.map((code) => `\`${code}\`: ${problems[code]}`).join('\n\n'),
    ...(codes.some((code) => retried.has(code)) ? { headers: { 'Retry-After': header('Retry-After') } } : {}),
    content: { 'application/problem+json': { schema, examples } },
  };
}

const retried = new Set<ProblemCode>(['rate_limited', 'idempotency_in_flight', 'control_unavailable']);

/** Components that `refusals` refers to. */
export const problemExamples = Object.fromEntries(
  (Object.keys(problems) as ProblemCode[]).map((code) => [
    code,
    {
      summary: problems[code],
      value: {
        type: `urn:stackferry:error:${code}`,
        title: titleOf(code),
        status: errorStatus[code],
        code,
        detail: problems[code],
      },
    },
  ]),
);

export const refusalComponents = Object.fromEntries(
  (Object.keys(problems) as ProblemCode[]).map((code) => [componentOf(code), refusal([code])]),
);

function componentOf(code: ProblemCode): string {
  return titleOf(code).replaceAll(/ (\w)/g, (_, letter: string) => letter.toUpperCase());
}
