import { StackferryError } from '../../../schema/errors.ts';
import type { LedgerEntry } from '../../migration-ledger.ts';

type SentBy = LedgerEntry['lanes'][string]['sent_by'];

/** Who sends a lane. `known`: what an earlier run of this agent recorded. */
export function namedBy({ project, peer }: { project: string; peer: string }, known: SentBy) {
  let sender = known;
  return {
    of: (): SentBy => sender,
    /** Throws `policy_refused` if the source sends another stack than the control plane said. */
    named: (said: string | null): void => {
      if (said !== null && said !== project)
        throw new StackferryError('policy_refused', `The source sends the stack "${said}", not "${project}".`);
      sender = said === null ? null : { host: peer, project: said };
    },
  };
}

/**
 * Returns the host that all of a stack's lanes came from, by its certificate, each named by it as this stack's. Null if
 * that is not proven, whatever the control plane says.
 */
export function senderOf(entry: LedgerEntry | null, project: string): string | null {
  const senders = Object.values(entry?.lanes ?? {}).map(({ sent_by }) => sent_by);
  const [first] = senders;
  if (!first) return null;
  return senders.every((one) => one?.host === first.host && one.project === project) ? first.host : null;
}
