import type { Lift } from '../../../schema/lift.ts';
import { liftFields } from '../lift-fields.ts';
import { chosenFor, isChosen, type OwnOptions, ownField } from '../own-options.ts';

interface OwnProps {
  stack: string;
  /** The ways to lift what keeps it. */
  ways: Lift[];
  own: OwnOptions;
  /** Id of the form that asks for another plan. */
  form: string;
}

/** The options of one stack of a drain: those that would let it go, those chosen already, and that it stays. */
export function OwnChoices({ stack, ways, own, form }: OwnProps) {
  const { leave: _, ...chosen } = chosenFor(own, stack);
  const fields = [
    ...liftFields([chosen, ...ways]),
    { kind: 'box', name: 'leave', value: 'on', label: 'Leave it here', hint: 'It is not moved by this drain.' },
  ];
  return (
    <>
      {fields.map(({ kind, name, value, label, hint }) =>
        kind === 'text' ? (
          <label class="check" title={hint}>
            <input form={form} name={ownField(stack, name)} value={value} autocomplete="off" /> {label}
          </label>
        ) : (
          <label class="check" title={hint}>
            <input
              type="checkbox"
              form={form}
              name={ownField(stack, name)}
              value={value}
              checked={isChosen(own, stack, name, value)}
            />{' '}
            {label}
          </label>
        ),
      )}
    </>
  );
}
