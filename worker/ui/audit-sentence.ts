/** Acts of the audit in words: the method and path of the route, without `/api/v1`. */
const sentences: Record<string, string> = {
  'POST /ui/login': 'logged in',
  'GET /ui/login/callback': 'logged in',
  'POST /enroll': 'joined the fleet',
  'POST /hosts': 'added a host',
  'DELETE /hosts/{id}': 'deleted a host',
  'POST /hosts/{id}/cordon': 'cordoned a host',
  'POST /hosts/{id}/uncordon': 'uncordoned a host',
  'POST /hosts/{id}/drain': 'planned or started a drain',
  'POST /hosts/{id}/upgrade': 'asked a host to upgrade its agent',
  'POST /relays': 'added a relay',
  'POST /hosts/{id}/join-token': 'made a new join token for a host',
  'DELETE /relays/{id}': 'deleted a relay',
  'POST /relays/{id}/join-token': 'made a new join token for a relay',
  'POST /stacks/{name}/migrate/preflight': 'ran the pre-flight',
  'POST /stacks/{name}/migrate': 'started a migration',
  'DELETE /stacks/{name}/migrate/{id}/source': 'deleted the copy kept on the source',
  'DELETE /stacks/{name}/migrate/{id}/target': 'deleted what was left on the target',
  'POST /migrations/{id}/cutover': 'cut a migration over',
  'DELETE /migrations/{id}/forwarding': 'ended the forwarding of connections',
  'PATCH /migrations/{id}': 'changed the bandwidth of a migration',
  'POST /migrations/{id}/cancel': 'cancelled a migration',
  'POST /migrations/{id}/rollback': 'rolled a migration back',
  'POST /migrations/{id}/retry': 'retried a migration',
  'POST /migrations/{id}/resolve': 'resolved a migration by decision',
  'POST /drains/{id}/pause': 'paused a drain',
  'POST /drains/{id}/resume': 'resumed a drain',
  'POST /drains/{id}/abort': 'aborted a drain',
  'POST /drains/{id}/cutover': 'cut over the held migrations of a drain',
  'POST /webhooks': 'registered a webhook',
  'PATCH /webhooks/{id}': 'changed a webhook',
  'DELETE /webhooks/{id}': 'deleted a webhook',
  'POST /webhooks/{id}/rotate': 'rotated the secret of a webhook',
  'POST /webhooks/{id}/test': 'sent a test to a webhook',
  'POST /webhooks/{id}/replay': 'sent the dead letters of a webhook again',
  'POST /webhooks/{id}/deliveries/{event_id}/replay': 'sent an event again',
  'GET /webhooks/callback-secret': 'read the secret of its callbacks',
  'POST /enroll/renew': 'renewed its certificate',
  'POST /authority/export': 'exported the keys of the certificate authority',
  'POST /authority/import': 'imported the keys of the certificate authority',
  restore: 'restored the control plane from a backup',
  'POST /tokens': 'created an API token',
  'DELETE /tokens/{id}': 'revoked a token, or the access of a person',
  'POST /tokens/{id}/restore': 'let a person in again',
};

/** `ran the pre-flight`; for a refused act `tried: …`. Null for an act without words. */
export function auditSentence(act: string, status: number): string | null {
  const words = sentences[act.replace('/api/v1', '')];
  if (words === undefined) return null;
  return status < 400 ? words : `tried: ${words}`;
}
