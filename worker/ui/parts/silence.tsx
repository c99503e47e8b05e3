import { isStep, type Status } from '../../../schema/migration-status.ts';
import type { HostView } from '../views.ts';
import { Ago } from './time.tsx';

/** The hosts of an active migration that are not heard. */
export function Silence({ hosts, status }: { hosts: HostView[]; status: Status }) {
  return (
    <>
      {hosts
        .filter((host) => host.status !== 'online')
        .map(({ name, seen_at }) => (
          <p class="alert warn">
            <strong>{name} is offline</strong>, last heard <Ago at={seen_at} />. The migration waits for it to return
            {isStep(status) ? '; if it does not, what was begun is undone.' : '.'}
          </p>
        ))}
    </>
  );
}
