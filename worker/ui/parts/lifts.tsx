import type { Lift } from '../../../schema/lift.ts';
import { liftFields } from '../lift-fields.ts';
import { type Fields, Hidden } from './form.tsx';
import { Card } from './list.tsx';

/** Offers the options with which a refused stack could move, and asks for another report with those that are chosen. */
export function Lifts({ ways, fields, action }: { ways: Lift[]; fields: Fields; action: string }) {
  return (
    <Card title="With these options it could move" id="lifts">
      <form method="get" action={action} data-slow="Checking…">
        {liftFields(ways).map(({ name, value, label, hint, advised }) => (
          <label class="choice">
            <input type="checkbox" name={name} value={value} checked={advised} />
            <span>
              <span class="name">{label}</span>
              <span class="hint">{hint}</span>
            </span>
          </label>
        ))}
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
