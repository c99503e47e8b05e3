import { problem } from '../../schema/api.ts';
import { errorStatus } from '../../schema/errors.ts';
import { type ProblemCode, problems } from './openapi-problems.ts';
import { titleOf } from './problem.ts';

/** What the generator makes of a route, as far as it is completed here. */
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

/** Adds what follows from a route's parts: its scope, its key, the headers of its answers, and each problem by status. */
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

/** Problems of every route that is put together like this one. */
function shared(method: string, operation: Operation): ProblemCode[] {
  const scope = scopeOf(operation);
  const parameters = operation.parameters ?? [];
  const takes = parameters.length > 0 || operation.requestBody !== undefined;
  const cursor = parameters.some((parameter) => 'name' in parameter && parameter.name === 'cursor');
  return [
    ...(scope ? (['unauthorized'] as const) : []),
    ...(scope && scope !== 'read' ? (['forbidden'] as const) : []),
    ...(operation.requestBody ? (['malformed_json', 'unsupported_media_type', 'body_too_large'] as const) : []),
    ...(takes || method === 'post' ? (['invalid_request'] as const) : []),
    ...(cursor ? (['invalid_cursor'] as const) : []),
    ...(scope && method === 'post'
      ? (['idempotency_mismatch', 'idempotency_in_flight', 'idempotency_unknown'] as const)
      : []),
    'rate_limited',
    'internal',
    'control_unavailable',
  ];
}

/** By status; those that stand alone are components, named by their code. */
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

/** What `refusals` refers to. */
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
