import type { DrainPlanView } from '../../../schema/api/drains.ts';
import { limits } from '../../../schema/limits.ts';
import { bytes, count } from '../../../schema/units.ts';
import type { ProblemBody } from '../call.ts';
import { consentFields, consentNames, consents } from '../consents.ts';
import { ownOptionFields } from '../own-options.ts';
import { Field, TypeToConfirm } from '../parts/form.tsx';
import { Page } from '../parts/layout.tsx';
import { Card, Empty, Table } from '../parts/list.tsx';
import { OwnChoices } from '../parts/own-options.tsx';
import { Advice } from '../parts/report.tsx';
import { State } from '../parts/state.tsx';
import type { Session } from '../session.ts';
import type { DrainWish, HostView } from '../views.ts';

interface DrainPlanProps {
  session: Session;
  host: HostView;
  wish: DrainWish;
  /** Null if planning failed. */
  plan: DrainPlanView | null;
  problem?: ProblemBody | undefined;
}

/** Id of the form that asks for another plan. */
const options = 'options';

/** Shows where each stack would go, before anything is changed. */
export function DrainPlanPage({ session, host, wish, plan, problem }: DrainPlanProps) {
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
      <Options host={host} wish={wish} targets={plan?.targets ?? []} />
      {plan ? <Plan host={host} wish={wish} plan={plan} /> : null}
    </Page>
  );
}

interface OptionsProps {
  host: HostView;
  wish: DrainWish;
  targets: DrainPlanView['targets'];
}

function Options({ host, wish, targets }: OptionsProps) {
  const named = targets.some(({ id }) => id === wish.target);
  const others = wish.target === '' || named ? targets : [{ id: wish.target, name: 'the host asked for' }, ...targets];
  return (
    <form id={options} method="get" action={`/ui/hosts/${host.id}/drain`} class="filters card" data-slow="Planning…">
      <Field id="target" label="Only to">
        <select id="target" name="target">
          <option value="">any host</option>
          {others.map(({ id, name }) => (
            <option value={id} selected={id === wish.target}>
              {name}
            </option>
          ))}
        </select>
      </Field>
      <Field id="pack" label="Where to">
        <select id="pack" name="pack">
          <option value="">spread: most room left</option>
          <option value="on" selected={wish.pack}>
            pack: fewest hosts
          </option>
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
        <input type="checkbox" name="every_bind" checked={wish.every_bind} /> Move the data of bind mounts too
      </label>
      {consentNames.map((name) => (
        <label class="check" title={consents[name].hint}>
          <input type="checkbox" name={name} checked={wish[name]} /> {consents[name].label}
        </label>
      ))}
      <button type="submit">Plan again</button>
    </form>
  );
}

function Plan({ host, wish, plan }: { host: HostView; wish: DrainWish; plan: DrainPlanView }) {
  const { stacks, left, movable, unmovable, targets } = plan;
  if (stacks.length + left.length === 0) return <Empty title="There is nothing to move: no stack runs here" />;
  return (
    <>
      <p class={`alert ${unmovable === 0 ? 'ok' : 'warn'}`} role="status">
        {unmovable === 0
          ? movable === 1
            ? 'The stack can move.'
            : movable === 0
              ? 'All stacks stay here, as asked.'
              : `All ${count(movable, 'stack')} can move.`
          : `${movable} of ${stacks.length} can move. The others stay here, running.`}
      </p>
      <Card title="Stacks, in the order they go" id="plan">
        <Table caption="Where each stack goes" columns={['Stack', 'To', { label: 'Why', below: true }]}>
          {stacks.map(({ stack, target, why, obstacle }) => (
            <tr>
              <th scope="row">{stack.name}</th>
              <td>{target ? target.name : <State tone="bad" word="stays" />}</td>
              <td class="below-row words">
                <Advice text={why} />
                <OwnChoices stack={stack.name} ways={obstacle?.lifted_by ?? []} own={wish.own} form={options} />
              </td>
            </tr>
          ))}
          {left.map(({ name }) => (
            <tr>
              <th scope="row">{name}</th>
              <td>
                <State tone="idle" word="left" />
              </td>
              <td class="below-row words">
                It stays here, as asked.
                <OwnChoices stack={name} ways={[]} own={wish.own} form={options} />
              </td>
            </tr>
          ))}
        </Table>
        <p class="acts">
          <button type="submit" form={options}>
            Plan with these choices
          </button>
        </p>
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
          {fieldsOf(wish).map(([name, value]) => (
            <input type="hidden" name={name} value={value} />
          ))}
          <p>
            {host.name} is cordoned, and {count(movable, 'stack')} moved, each by a migration of its own. The target of
            each stack is chosen again at its turn. It can be paused and aborted at any time.
          </p>
          <p>Only choices of this plan count: if you have changed any, plan again first.</p>
        </TypeToConfirm>
      </div>
    </>
  );
}

const fieldsOf = ({ target, pack, mode, max_parallel, every_bind, own, ...wish }: DrainWish): [string, string][] => [
  ...Object.entries({ target, mode, max_parallel, pack: pack ? 'on' : '', every_bind: every_bind ? 'on' : '' }),
  ...consentFields(wish),
  ...ownOptionFields(own),
];
