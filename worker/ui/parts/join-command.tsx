import { containerLines } from '../../../schema/container-lines.ts';
import { installLine } from '../../../schema/install-line.ts';
import type { Joining } from '../views.ts';
import { Secret } from './form.tsx';
import { Moment } from './time.tsx';

/** How to start what was just created; its token is shown only once. */
export function JoinCommand({ kind, created, again = false, control }: Joining) {
  const joining = { kind, name: created.name, joinToken: created.join_token };
  const { run, compose } = containerLines(control, joining);
  return (
    <div class="alert ok" role="status">
      <p>
        <strong>
          {kind === 'host' ? 'Host' : 'Relay'} "{created.name}" {again ? 'has a new join command' : 'is created'}.
        </strong>{' '}
        {kind === 'host'
          ? 'Paste this on that machine, beside the Docker Engine; it installs the agent:'
          : 'Paste this on a machine that the hosts can reach, as HOST:7400:'}
      </p>
      <Secret label="Join command, shown only once" value={installLine(control, joining)} />
      <details>
        <summary>Or run it in a container</summary>
        <Secret label="As docker run" value={run} />
        <Secret label="As a Compose file" value={compose} />
        <p class="hint">docs/containers.md tells how to build the image.</p>
      </details>
      <p class="hint">
        The token lets one {kind} in, until <Moment at={created.join_token_expires_at} />. Later starts and updates need
        none.
      </p>
      <p>
        <a href="/ui/hosts">Watch it come online</a>
      </p>
    </div>
  );
}
