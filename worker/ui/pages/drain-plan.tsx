import type { DrainPlanView } from '../../../schema/drain-api.ts';
import { limits } from '../../../schema/limits.ts';
import { bytes, count } from '../../../schema/units.ts';
import type { ProblemBody } from '../call.ts';
import type { DrainWish } from '../drain-routes.tsx';
import { Field, TypeToConfirm } from '../parts/form.tsx';
import { Page } from '../parts/layout.tsx';
import { Card, Empty, Table } from '../parts/list.tsx';
import { State } from '../parts/state.tsx';
import type { Session } from '../session.ts';
import type { HostView } from '../stack-routes.tsx';

interface DrainPlanProps {
  session: Session;
  host: HostView;
  hosts: HostView[];
  wish: DrainWish;
  /** Null where it could not be made. */
  plan: DrainPlanView | null;
  problem?: ProblemBody | undefined;
}

/** Where each stack would go, before anything is changed. */
export function DrainPlanPage({ session, host, hosts, wish, plan, problem }: DrainPlanProps) {
  return (
    <Page
      title={`Drain ${host.name}`}
      session={session}
      place="Hosts"
      trail={[
        ['Hosts', '/ui/hosts'],
        [host.name, `/ui/hosts/${host.id}`],
      ]}
      lead={<p>Moves every stack off this host. This is the plan; nothing has been changed.</p>}
      problem={problem}
    >
      <Options {...{ host, hosts, wish }} />
      {plan ? <Plan host={host} wish={wish} plan={plan} /> : null}
    </Page>
  );
}

function Options({ host, hosts, wish }: Pick<DrainPlanProps, 'host' | 'hosts' | 'wish'>) {
  const others = hosts.filter(({ id, status }) => id !== host.id && status !== 'pending');
  return (
    <form method="get" action={`/ui/hosts/${host.id}/drain`} class="filters card" data-slow="Planning…">
      <Field id="target" label="Only to">
        <select id="target" name="target">
          <option value="">whichever fits best</option>
          {others.map(({ id, name }) => (
            <option value={id} selected={id === wish.target}>
              {name}
            </option>
          ))}
        </select>
      </Field>
      <Field id="mode" label="How">
        <select id="mode" name="mode">
          <option value="stop-copy">stop, then copy</option>
          <option value="pre-copy" selected={wish.mode === 'pre-copy'}>
            copy first, then stop
          </option>
        </select>
      </Field>
      <Field id="max_parallel" label="At a time">
        <input
          id="max_parallel"
          name="max_parallel"
          type="number"
          min={1}
          max={limits.drain.parallelMax}
          value={wish.max_parallel || limits.drain.parallelDefault}
        />
      </Field>
      <label class="check">
        <input type="checkbox" name="accept_unmoved" checked={wish.accept_unmoved} /> Leave behind anonymous volumes,
        and bind mounts that the target lacks
      </label>
      <button type="submit">Plan again</button>
    </form>
  );
}

function Plan({ host, wish, plan }: { host: HostView; wish: DrainWish; plan: DrainPlanView }) {
  const { stacks, movable, unmovable, targets } = plan;
  if (stacks.length === 0) return <Empty title="There is nothing to move: no stack runs here" />;
  return (
    <>
      <p class={`alert ${unmovable === 0 ? 'ok' : 'warn'}`} role="status">
        {unmovable === 0
          ? movable === 1
            ? 'The stack can move.'
            : `All ${count(movable, 'stack')} can move.`
          : `${movable} of ${stacks.length} can move. The others stay here, running.`}
      </p>
      <Card title="Stacks, in the order they go" id="plan">
        <Table caption="Where each stack goes" columns={['Stack', 'To', { label: 'Why', wide: true }]}>
          {stacks.map(({ stack, target, why }) => (
            <tr>
              <th scope="row">{stack.name}</th>
              <td>{target ? target.name : <State tone="bad" word="stays" />}</td>
              <td class="wide words">{why}</td>
            </tr>
          ))}
        </Table>
      </Card>
      <Card title="Hosts that may take them" id="targets">
        <Table
          caption="Hosts that are open to migrations"
          columns={['Host', { label: 'Memory free', number: true }, { label: 'Disk free', number: true }]}
        >
          {targets.map(({ name, online, memory_free_bytes, disk_free_bytes }) => (
            <tr>
              <th scope="row">
                {name} {online ? null : <State tone="bad" word="offline" />}
              </th>
              <td class="number">{memory_free_bytes === null ? '–' : bytes(memory_free_bytes)}</td>
              <td class="number">{disk_free_bytes === null ? '–' : bytes(disk_free_bytes)}</td>
            </tr>
          ))}
        </Table>
      </Card>
      <div class="acts">
        <TypeToConfirm
          action={`/ui/hosts/${host.id}/drain`}
          label="Start the drain"
          kind="primary"
          scope="migrate"
          word={host.name}
          why={movable === 0 ? 'No stack can move.' : null}
        >
          {Object.entries({ ...wish, accept_unmoved: wish.accept_unmoved ? 'on' : '' }).map(([name, value]) => (
            <input type="hidden" name={name} value={value} />
          ))}
          <p>
            {host.name} is cordoned, and {count(movable, 'stack')} moved, each by a migration of its own. Targets are
            chosen anew at each turn. It can be paused and ended at any time.
          </p>
        </TypeToConfirm>
      </div>
    </>
  );
}
