/**
 * The closed list of error codes, shared by API, agents and relay. Branch on `code`, never on a message.
 * The number is the HTTP status the API answers with where the code reaches a client.
 */
export const errorStatus = {
  // requests
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  malformed_json: 400,
  unsupported_media_type: 415,
  body_too_large: 413,
  invalid_request: 422,
  invalid_cursor: 400,
  same_host: 422,
  name_taken: 409,
  stack_ambiguous: 409,
  migration_running: 409,
  migration_ended: 409,
  migration_not_completed: 409,
  migration_not_rolled_back: 409,
  migration_superseded: 409,
  nothing_to_retry: 409,
  nothing_to_cancel: 409,
  nothing_to_resolve: 409,
  not_holding: 409,
  not_forwarding: 409,
  stack_changed: 409,
  host_not_lost: 409,
  given_up: 409,
  window_closed: 409,
  source_purged: 409,
  target_unreachable: 409,
  purge_incomplete: 409,
  preflight_failed: 422,
  last_admin_token: 409,
  rate_limited: 429,
  idempotency_mismatch: 422,
  idempotency_in_flight: 409,
  idempotency_unknown: 409,
  url_refused: 422,
  webhook_limit: 409,
  webhook_disabled: 409,
  webhook_is_callback: 409,
  webhook_unsigned: 409,
  host_busy: 409,
  host_deleted: 409,
  host_cordoned: 409,
  already_current: 409,
  not_upgradable: 409,
  drain_running: 409,
  drain_ended: 409,
  no_target: 409,
  internal: 500,
  control_unavailable: 503,
  authority_missing: 503,
  authority_closed: 409,
  authority_present: 409,
  authority_refused: 422,
  // enrolment and identity
  join_token_invalid: 401,
  join_token_used: 409,
  join_token_expired: 401,
  already_joined: 409,
  csr_invalid: 422,
  certificate_invalid: 401,
  host_revoked: 403,
  certificate_cloned: 409,
  foreign_resource: 403,
  // hosts
  host_offline: 409,
  agent_lost: 409,
  command_failed: 502,
  command_timeout: 504,
  command_unknown: 422,
  epoch_stale: 409,
  ledger_ahead: 409,
  engine_unreachable: 502,
  engine_error: 502,
  compose_failed: 502,
  stack_not_found: 404,
  stack_running: 409,
  disk_full: 507,
  image_unavailable: 502,
  resource_taken: 409,
  policy_refused: 403,
  lease_expired: 409,
  unhealthy: 502,
  health_timeout: 504,
  // transfer
  relay_unavailable: 503,
  ticket_refused: 403,
  peer_untrusted: 403,
  transfer_interrupted: 502,
  transfer_protocol: 502,
  pack_failed: 502,
  unpack_failed: 502,
  digest_mismatch: 502,
  manifest_mismatch: 502,
  archive_refused: 422,
  cancelled: 409,
} as const;

export type ErrorCode = keyof typeof errorStatus;
export const errorCodes = Object.keys(errorStatus) as [ErrorCode, ...ErrorCode[]];

/**
 * An error with a stable code and a message fit for people; the cause is for operators and never leaves the machine.
 */
export class StackferryError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StackferryError';
    this.code = code;
  }
}

/** The code of any thrown value, `fallback` if it has none. */
export function errorCodeOf(error: unknown, fallback: ErrorCode = 'internal'): ErrorCode {
  return error instanceof StackferryError ? error.code : fallback;
}

export function errorMessageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
