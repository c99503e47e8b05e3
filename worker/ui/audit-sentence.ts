/** Acts of the audit in words: the method and path of the route, without `/api/v1`. */
const sentences: Record<string, string> = {
  'POST /ui/login': 'logged in',
  'POST /enroll': 'joined the fleet',
  'POST /hosts': 'added a host',
  'DELETE /hosts/{id}': 'deleted a host',
  'POST /hosts/{id}/cordon': 'cordoned a host',
  'POST /hosts/{id}/uncordon': 'uncordoned a host',
  'POST /hosts/{id}/drain': 'planned or started a drain',
  'POST /hosts/{id}/upgrade': 'asked a host to upgrade its agent',
  'POST /relays': 'added a relay',
  'DELETE /relays/{id}': 'deleted a relay',
  'POST /stacks/{name}/migrate/preflight': 'ran the pre-flight',
  'POST /stacks/{name}/migrate': 'started a migration',
  'DELETE /stacks/{name}/migrate/{id}/source': 'deleted the copy kept on the source',
  'DELETE /stacks/{name}/migrate/{id}/target': 'deleted what was left on the target',
  'PATCH /migrations/{id}': 'changed the bandwidth of a migration',
  'POST /migrations/{id}/cancel': 'cancelled a migration',
  'POST /migrations/{id}/rollback': 'rolled a migration back',
  'POST /migrations/{id}/retry': 'retried a migration',
  'POST /migrations/{id}/resolve': 'decided about a lost host',
  'POST /drains/{id}/pause': 'paused a drain',
  'POST /drains/{id}/resume': 'resumed a drain',
  'POST /drains/{id}/abort': 'aborted a drain',
  'POST /webhooks': 'registered a webhook',
  'PATCH /webhooks/{id}': 'changed a webhook',
  'DELETE /webhooks/{id}': 'deleted a webhook',
  'POST /webhooks/{id}/rotate': 'rotated the secret of a webhook',
  'POST /webhooks/{id}/test': 'sent a test to a webhook',
  'POST /tokens': 'created an API token',
  'DELETE /tokens/{id}': 'revoked an API token',
};

/** `ran the pre-flight`; for a refused act `tried: …`. Null for an act without words. */
export function auditSentence(act: string, status: number): string | null {
  const words = sentences[act.replace('/api/v1', '')];
  if (words === undefined) return null;
  return status < 400 ? words : `tried: ${words}`;
}
