import type { StackFacts } from '../../schema/facts.ts';
import type { LedgerEntry } from '../migration-ledger.ts';

/** Those of the stack's ports whose connections this host takes for a stack that left it: they would not reach the new one. */
export function forwardedIn(entries: LedgerEntry[], { services }: StackFacts): { name: string; by: string }[] {
  const wanted = new Set(services.flatMap(({ ports }) => ports.map(({ port, protocol }) => `${port}/${protocol}`)));
  return entries.flatMap(({ migration_id, forwarding }) =>
    (forwarding?.ports ?? [])
      .map(({ port, protocol }) => `${port}/${protocol}`)
      .filter((name) => wanted.has(name))
      .map((name) => ({
        name,
        by: `connections that migration ${migration_id} forwards; end that with: stackferry forward ${migration_id} --end`,
      })),
  );
}
