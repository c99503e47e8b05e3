import type { StackView } from '../views.ts';
import { State } from './state.tsx';

/** The state last reported by its host, if that is online. */
export function StackState({ stack, online = stack.host_online }: { stack: StackView; online?: boolean }) {
  if (stack.active_migration_id !== null)
    return (
      <a href={`/ui/migrations/${stack.active_migration_id}`}>
        {stack.active_migration_status === 'needs_attention' ? (
          <State tone="attention" word="needs attention" />
        ) : (
          <State tone="busy" word="migrating" />
        )}
      </a>
    );
  if (!online) return <State tone="warn" word="host offline" />;
  if (stack.summary.plain) return <State tone="idle" word="container" />;
  const running = stack.summary.services.reduce((sum, service) => sum + service.running, 0);
  if (stack.summary.running) return <State tone="ok" word="running" />;
  return <State tone="idle" word={running > 0 ? 'partly running' : 'stopped'} />;
}
