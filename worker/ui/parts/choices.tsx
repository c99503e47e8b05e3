import { bytes } from '../../../schema/units.ts';
import { consentNames, consents } from '../consents.ts';
import type { Needs } from '../destinations.ts';
import type { Wanted } from '../views.ts';
import { Field } from './form.tsx';

export function Modes({ wanted }: { wanted: Wanted }) {
  return (
    <fieldset class="card">
      <legend>How</legend>
      <Choice
        name="mode"
        value="stop-copy"
        checked={wanted.mode !== 'pre-copy'}
        label="Stop, then copy"
        hint="Simplest. The stack is down while its volumes are copied."
      />
      <Choice
        name="mode"
        value="pre-copy"
        checked={wanted.mode === 'pre-copy'}
        label="Copy first, then stop"
        hint="Volumes are copied while the stack runs; downtime covers only what changed since, plus verification."
      />
    </fieldset>
  );
}

/** Open if something of it was chosen. */
export function Advanced({ wanted, needs, source }: { wanted: Wanted; needs: Needs | null; source: string }) {
  const chosen =
    wanted.sizing === 'stack' || wanted.bandwidth_limit !== '' || consentNames.some((name) => wanted[name]);
  const room = ({ memory_bytes, disk_bytes }: Needs) =>
    ` Needs ${bytes(memory_bytes)} of memory and ${bytes(disk_bytes)} of disk, margins included.`;
  return (
    <details class="card fold" open={chosen}>
      <summary>
        <h2>Advanced</h2> <span class="hint">room, bandwidth, and what else may move</span>
      </summary>
      <fieldset class="plain">
        <legend>Room on the target</legend>
        <Choice
          name="sizing"
          value="host"
          checked={wanted.sizing !== 'stack'}
          label="As much as the whole source host uses"
          hint={`Conservative: for draining a host stack by stack.${needs ? room(needs) : ''}`}
        />
        <Choice
          name="sizing"
          value="stack"
          checked={wanted.sizing === 'stack'}
          label="As much as this stack uses"
          hint={`Its own containers and volumes, not all of ${source}; the pre-flight measures them.`}
        />
      </fieldset>
      <fieldset class="plain">
        <legend>Options</legend>
        {consentNames.map((name) => (
          <label class="choice">
            <input type="checkbox" name={name} checked={wanted[name]} />
            <span>
              <span class="name">{consents[name].label}</span>
              <span class="hint">{consents[name].hint}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <Field id="bandwidth_limit" label="Bandwidth, bytes per second" hint="500K, 20M; no limit if empty">
        <input
          id="bandwidth_limit"
          name="bandwidth_limit"
          maxlength={20}
          autocomplete="off"
          value={wanted.bandwidth_limit}
        />
      </Field>
    </details>
  );
}

function Choice(props: { name: string; value: string; checked: boolean; label: string; hint: string }) {
  const { name, value, checked, label, hint } = props;
  return (
    <label class="choice">
      <input type="radio" name={name} value={value} checked={checked} />
      <span>
        <span class="name">{label}</span>
        <span class="hint">{hint}</span>
      </span>
    </label>
  );
}
