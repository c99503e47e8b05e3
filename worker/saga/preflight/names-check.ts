import type { FoundName } from '../../../schema/cutover-names.ts';
import type { Fit } from './fit.ts';
import type { PreflightFacts } from './preflight-facts.ts';
import { type CheckResult, fail, list } from './verdicts.ts';

/** Null if no names are to be pointed at the target, or its agent can do that. */
export function namesRefusal({ options, targetHost, names }: Fit): CheckResult | null {
  if (options.cutover_dns.length === 0) return null;
  const agent = `The agent of "${names.target}"`;
  const without = 'or migrate without "cutover_dns".';
  const able = targetHost.names;
  if (able === null) return fail(`${agent} is too old to point names at its host: update it, ${without}`);
  if (!able.token)
    return fail(`${agent} has no token of Cloudflare: start it with --cloudflare-token-file FILE, ${without}`);
  if (able.addresses.length === 0)
    return fail(
      `${agent} was not told where clients find its host: start it with --public-address IP, ${without} It is never guessed.`,
    );
  const faults = able.found.flatMap(({ name, fault }) => (fault === null ? [] : [`${name}: ${fault}`]));
  return faults.length === 0 ? null : fail(`Names can’t be pointed at "${names.target}". ${list(faults)}`);
}

/** How long clients may go on with the old address. */
export function nameNotes({ inputs, target }: PreflightFacts): string[] {
  if (inputs.cutover_dns.length === 0 || !target.ok) return [];
  return (target.data.names?.found ?? []).map(noteOf);
}

function noteOf({ name, ttl_s, addresses, proxied }: FoundName): string {
  if (proxied)
    return `${name} is proxied by Cloudflare: clients keep Cloudflare’s addresses, and reach the new host at once.`;
  if (ttl_s === null) return `${name} could not be looked up: how long clients may use the old address is not known.`;
  const now = addresses.length === 0 ? '' : ` (now ${list(addresses)})`;
  return `${name}${now} has a TTL of ${ttl_s} s: clients may use the old address that long.`;
}
