import type { Report } from '../../../schema/preflight-report.ts';
import { bytes } from '../../../schema/units.ts';
import { memoryFactor } from '../../saga/preflight/host-checks.ts';
import { diskFactor } from '../../saga/preflight/verdicts.ts';
import type { Needs } from '../destinations.ts';
import { type Fields, Hidden } from './form.tsx';
import { Facts } from './list.tsx';

interface RoomProps {
  report: Report;
  /** What the whole source host uses, with the margins; null if unknown. */
  hostNeeds: Needs | null;
  fields: Fields;
  action: string;
}

/** Both ways to say how much room the target must have, and the other one at one click. */
export function RoomNeeded({ report: { needs, inputs }, hostNeeds, fields, action }: RoomProps) {
  const other = inputs.sizing === 'stack' ? 'host' : 'stack';
  const stackNeeds = needs && {
    memory_bytes: Math.ceil(needs.memory_bytes * memoryFactor),
    disk_bytes: Math.ceil(needs.disk_bytes * diskFactor),
  };
  const row = (label: string, of: Needs | null, sizing: string): [string, string] | null =>
    of && [
      label,
      `${bytes(of.memory_bytes)} of memory, ${bytes(of.disk_bytes)} of disk${sizing === inputs.sizing ? ': asked for here' : ''}`,
    ];
  return (
    <div class="room-needed">
      <Facts rows={[row('Room, this stack', stackNeeds, 'stack'), row('Room, whole host', hostNeeds, 'host')]} />
      <form method="get" action={action} data-slow="Checking…">
        <Hidden fields={fields.map(([name, value]): Fields[number] => [name, name === 'sizing' ? other : value])} />
        <button type="submit" class="small">
          {other === 'stack' ? 'Ask for room for this stack alone' : 'Ask for room for the whole host'}
        </button>
      </form>
    </div>
  );
}
