import { moment } from '../../../schema/units.ts';
import type { Joining } from '../host-routes.tsx';
import { Secret } from './form.tsx';

/** How to start what was just created; its token is shown this once. */
export function JoinCommand({ kind, created, control }: Joining) {
  const rest =
    kind === 'host'
      ? [`stackferry agent --control ${control}`, '--state /var/lib/stackferry']
      : [`stackferry relay --control ${control}`, '--state /var/lib/stackferry-relay', '--advertise HOST:7400'];
  const command = [`STACKFERRY_JOIN_TOKEN=${created.join_token}`, ...rest].join(' \\\n  ');
  return (
    <div class="alert ok" role="status">
      <p>
        <strong>{kind === 'host' ? `Host "${created.name}"` : `Relay "${created.name}"`} is created.</strong>{' '}
        {kind === 'host'
          ? 'Start its agent on that machine, beside the Docker Engine:'
          : 'Start it where the hosts can reach it, as HOST:7400:'}
      </p>
      <Secret label="Join command, shown this once" value={command} />
      <p class="hint">
        The token lets one {kind} in, until {moment(created.join_token_expires_at)}. Later starts need none.
      </p>
      <p>
        <a href="/ui/hosts">See it come online</a>
      </p>
    </div>
  );
}
