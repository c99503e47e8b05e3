import type { HostView } from '../views.ts';
import { Ago } from './time.tsx';

/** The hosts of an active migration that are not heard. */
export function Silence({ hosts }: { hosts: HostView[] }) {
  return (
    <>
      {hosts
        .filter(({ status }) => status !== 'online')
        .map(({ name, seen_at }) => (
          <p class="alert warn">
            <strong>{name} is offline</strong>, last heard <Ago at={seen_at} />. The migration waits for it to return;
            if it does not, what was begun is undone.
          </p>
        ))}
    </>
  );
}
