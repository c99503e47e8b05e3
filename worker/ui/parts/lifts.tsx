import type { Lift } from '../../../schema/lift.ts';
import { liftFields } from '../lift-fields.ts';
import { Field, type Fields, Hidden } from './form.tsx';
import { Card } from './list.tsx';

/** Offers the options with which a refused stack could move, and asks for another report with those that are chosen. */
export function Lifts({ ways, fields, action }: { ways: Lift[]; fields: Fields; action: string }) {
  return (
    <Card title="With these options it could move" id="lifts">
      <form method="get" action={action} data-slow="Checking…">
        {liftFields(ways).map((field) =>
          field.kind === 'text' ? (
            <Field id={field.name} label={field.label} hint={field.hint}>
              <input id={field.name} name={field.name} value={field.value} autocomplete="off" />
            </Field>
          ) : (
            <label class="choice">
              <input type="checkbox" name={field.name} value={field.value} checked={field.advised} />
              <span>
                <span class="name">{field.label}</span>
                <span class="hint">{field.hint}</span>
              </span>
            </label>
          ),
        )}
        {/* After the choices: of two fields of one name the first counts. */}
        <Hidden fields={fields} />
        <p class="acts">
          <button type="submit" class="primary">
            Check again with these
          </button>
        </p>
      </form>
    </Card>
  );
}
